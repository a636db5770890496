"""Motion of people: types, files, drawing, conversion and retargeting."""
