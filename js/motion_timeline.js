// Draws the timeline: how far the clip has come, and below it what each person does and touches.
import { CONTACT_COLOUR, PERSON_COLOURS } from './motion_draw.js'

export const EDGE = 6 // pixels beside the rail: half of the slider's thumb
const RAIL = 18, ROW = 15, CONTACT_ROW = 6, MOST_ROWS = 4

// Rows of bars from top to bottom: actions that overlap lie in rows of their own, contacts in thin ones.
export function rowsOf(view, selected) {
  const rows = []
  view.people.forEach((person, index) => {
    if (selected !== null && selected !== index) return
    const colour = PERSON_COLOURS[index % PERSON_COLOURS.length]
    const first = rows.length
    for (const action of person.actions) {
      const free = rows.slice(first).find(({ bars }) => bars.at(-1).end <= action.start)
      if (free) free.bars.push(action)
      else rows.push({ height: ROW, colour, bars: [action] })
    }
    if (person.contacts.length) rows.push({ height: CONTACT_ROW, colour: CONTACT_COLOUR, bars: person.contacts })
  })
  return rows.slice(0, MOST_ROWS)
}

export function heightOf(rows) {
  return rows.reduce((sum, row) => sum + row.height, RAIL)
}

export function drawTimeline(context, rows, width, frame, frames, colours) {
  const at = (each) => EDGE + (width - 2 * EDGE) * (each / Math.max(1, frames - 1))
  const now = at(frame)
  bar(context, EDGE, RAIL / 2 - 2, width - 2 * EDGE, 4, colours.rail)
  bar(context, EDGE, RAIL / 2 - 2, now - EDGE, 4, colours.accent)
  let top = RAIL
  for (const row of rows) {
    row.bars.forEach((each, i) => {
      const [left, right] = [at(each.start), at(Math.min(each.end, frames - 1))]
      context.globalAlpha = each.name ? 0.45 : 1
      bar(context, left, top, Math.max(2, right - left - 1), row.height - 2, row.colour)
      context.globalAlpha = 1
      if (each.name) drawName(context, each.name, left + 4, at(row.bars[i + 1]?.start ?? frames), top, colours)
    })
    top += row.height
  }
  context.fillStyle = colours.text
  if (rows.length) context.fillRect(now - 0.5, RAIL / 2, 1, top - RAIL / 2)
  context.beginPath()
  context.arc(now, RAIL / 2, EDGE - 0.5, 0, 2 * Math.PI)
  context.fill()
}

// The name may reach beyond a short bar, up to the next one.
function drawName(context, name, left, end, top, colours) {
  context.save()
  context.beginPath()
  context.rect(left, top, Math.max(0, end - left - 2), ROW)
  context.clip()
  context.font = '10px system-ui, sans-serif'
  context.textBaseline = 'middle'
  context.fillStyle = colours.text
  context.fillText(name, left, top + ROW / 2 - 0.5)
  context.restore()
}

function bar(context, x, y, width, height, colour) {
  context.fillStyle = colour
  context.beginPath()
  context.roundRect(x, y, Math.max(0, width), height, 2)
  context.fill()
}
