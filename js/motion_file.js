// Reads the file that Preview Motion writes for the viewer; docs/formats.md, "Motion view", describes it.

const VERSION = '1'
const KINDS = { I16: Int16Array, U8: Uint8Array }
const STEPS = 32767 // of a coordinate, from the picture's middle to either end of its reach
const PARTS = ['body', 'hands', 'face']

// ArrayBuffer -> { fps, size, frames, seen, sure, people: [{ name, actions, contacts, parts }] }.
export function parseView(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)))
  const { kmc_view_version: version, kmc_view: text } = header.__metadata__
  if (version !== VERSION) throw new Error('The node and this page differ in version: reload the page')
  const about = JSON.parse(text)
  const tensor = (name) => {
    const { dtype, shape, data_offsets: [begin, end] } = header[name]
    const Kind = KINDS[dtype]
    return { shape, values: new Kind(buffer, 8 + length + begin, (end - begin) / Kind.BYTES_PER_ELEMENT) }
  }
  const person = (entry, index) => ({
    ...entry,
    parts: PARTS.filter((name) => `tracks.${index}.${name}` in header).map((name) => {
      const { shape, values } = tensor(`tracks.${index}.${name}`)
      const confidence = tensor(`tracks.${index}.${name}.confidence`).values
      return { name, lines: about.lines[name], count: shape[1], values, confidence }
    }),
  })
  return { ...about, step: (0.5 + about.reach) / STEPS, people: about.people.map(person) }
}

// The points of a part in one frame, in the pixels of `box` ({ x, y, width, height }): [x, y, x, y, ...].
export function placed(view, part, frame, box) {
  const points = new Float32Array(2 * part.count)
  const first = 2 * part.count * frame
  for (let i = 0; i < points.length; i += 2) {
    points[i] = box.x + box.width * (0.5 + view.step * part.values[first + i])
    points[i + 1] = box.y + box.height * (0.5 + view.step * part.values[first + i + 1])
  }
  return points
}

// Confidence 0..1 of one point in one frame; 0 means that it has no place.
export function confidenceOf(part, frame, point) {
  return part.confidence[part.count * frame + point] / 255
}

// The frame of this view that is shown at a time in seconds; the last one is held.
export function frameAt(view, seconds) {
  return Math.max(0, Math.min(view.frames - 1, Math.floor(seconds * view.fps + 1e-6)))
}

// What is named at a frame, one line a person: "0 Anna: wave, left hand-face".
export function describe(view, frame) {
  const now = ({ start, end }) => start <= frame && frame < end
  return view.people.flatMap((person, index) => {
    const words = person.actions.filter(now).map(({ name }) => name)
    words.push(...person.contacts.filter(now).map(({ side, kind }) => `${side} ${kind}`))
    return words.length ? [`${view.people.length > 1 ? `${label(person, index)}: ` : ''}${words.join(', ')}`] : []
  })
}

export function label(person, index) {
  return person.name ? `${index} ${person.name}` : `${index}`
}
