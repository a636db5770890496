// Draws one frame of a motion on a canvas: limbs, hands, face, contacts, and who is who.
import { confidenceOf, label, placed } from './motion_file.js'

export const PERSON_COLOURS = ['#4f9cf9', '#f08a4b', '#5bbf7a', '#b67be6', '#e0bf45', '#4fc3c7']
export const CONTACT_COLOUR = '#ffb020'
const WIDTHS = { body: 1, hands: 0.55, face: 0.45 } // of a line, against the body's
const UNCERTAIN = { stroke: 'rgba(170, 174, 184, 0.75)', dash: [2, 4] }
const FAINT = 0.25 // opacity of a point that is only just seen
const ASIDE = 0.3 // opacity of people who are not the selected one
const REACH = 12 // pixels within which a click means a line

// The boxes of pictures of these sizes, side by side or below each other, whichever shows them larger.
export function boxesOf(sizes, width, height, gap = 6) {
  const rows = fitted(sizes, (width - gap * (sizes.length - 1)) / sizes.length, height, (i, w) => [i * (w + gap), 0])
  const columns = fitted(sizes, width, (height - gap * (sizes.length - 1)) / sizes.length, (i, _, h) => [0, i * (h + gap)])
  const area = (boxes) => boxes.reduce((sum, box) => sum + box.width * box.height, 0)
  return area(columns) > 1.15 * area(rows) ? columns : rows
}

function fitted(sizes, width, height, corner) {
  return sizes.map(([w, h], index) => {
    const scale = Math.max(0, Math.min(width / w, height / h))
    const [left, top] = corner(index, width, height)
    return { x: left + (width - w * scale) / 2, y: top + (height - h * scale) / 2, width: w * scale, height: h * scale }
  })
}

export function drawView(context, view, frame, box, selected) {
  context.save()
  context.beginPath()
  context.rect(box.x, box.y, box.width, box.height)
  context.clip()
  context.lineCap = context.lineJoin = 'round'
  view.people.forEach((person, index) => {
    context.globalAlpha = selected === null || selected === index ? 1 : ASIDE
    for (const part of person.parts) drawPart(context, view, part, frame, box)
    drawContacts(context, view, person, frame, box)
    if (view.people.length > 1 || person.name) drawName(context, view, person, index, frame, box)
  })
  context.restore()
}

function drawPart(context, view, part, frame, box) {
  const points = placed(view, part, frame, box)
  const opaque = context.globalAlpha
  const uncertain = new Path2D()
  context.lineWidth = WIDTHS[part.name] * Math.max(1.25, Math.min(4, Math.min(box.width, box.height) / 90))
  for (const line of part.lines) {
    const certain = new Path2D()
    let weakest = 1
    for (let i = 1; i < line.points.length; i++) {
      const [a, b] = [line.points[i - 1], line.points[i]]
      const confidence = Math.min(confidenceOf(part, frame, a), confidenceOf(part, frame, b))
      if (confidence === 0) continue
      const path = confidence < view.seen ? uncertain : certain
      path.moveTo(points[2 * a], points[2 * a + 1])
      path.lineTo(points[2 * b], points[2 * b + 1])
      if (path === certain) weakest = Math.min(weakest, confidence)
    }
    const sureness = Math.min(1, (weakest - view.seen) / (view.sure - view.seen))
    context.globalAlpha = opaque * (FAINT + (1 - FAINT) * sureness)
    context.strokeStyle = `rgb(${line.colour})`
    context.stroke(certain)
  }
  context.globalAlpha = opaque
  context.strokeStyle = UNCERTAIN.stroke
  context.lineWidth = Math.min(context.lineWidth, 1.5)
  context.setLineDash(UNCERTAIN.dash)
  context.stroke(uncertain)
  context.setLineDash([])
}

function drawContacts(context, view, person, frame, box) {
  for (const contact of person.contacts) {
    if (frame < contact.start || frame >= contact.end) continue
    for (const [name, point] of contact.at) {
      const part = person.parts.find((each) => each.name === name)
      if (!part || confidenceOf(part, frame, point) < view.seen) continue
      const points = placed(view, part, frame, box)
      ring(context, points[2 * point], points[2 * point + 1])
      break
    }
  }
}

function ring(context, x, y) {
  context.beginPath()
  context.arc(x, y, 7, 0, 2 * Math.PI)
  context.lineWidth = 4
  context.strokeStyle = 'rgba(0, 0, 0, 0.6)'
  context.stroke()
  context.lineWidth = 2
  context.strokeStyle = CONTACT_COLOUR
  context.stroke()
}

// A small plate above the highest point of the person that is seen.
function drawName(context, view, person, index, frame, box) {
  let top = null
  for (const part of person.parts) {
    const points = placed(view, part, frame, box)
    for (let i = 0; i < part.count; i++) {
      const better = !top || points[2 * i + 1] < top.y
      if (better && confidenceOf(part, frame, i) >= view.seen) top = { x: points[2 * i], y: points[2 * i + 1] }
    }
  }
  if (!top) return
  const text = label(person, index)
  context.font = '600 10px system-ui, sans-serif'
  const width = context.measureText(text).width + 8
  const x = Math.max(box.x + 2, Math.min(box.x + box.width - width - 2, top.x - width / 2))
  const y = Math.max(box.y + 2, top.y - 20)
  context.fillStyle = PERSON_COLOURS[index % PERSON_COLOURS.length]
  context.beginPath()
  context.roundRect(x, y, width, 14, 4)
  context.fill()
  context.fillStyle = '#101216'
  context.textBaseline = 'middle'
  context.fillText(text, x + 4, y + 7.5)
}

// Index of the person whose lines pass closest to a place on the canvas, null where none is near.
export function personAt(view, frame, box, x, y) {
  let [nearest, found] = [REACH, null]
  view.people.forEach((person, index) => {
    for (const part of person.parts) {
      const points = placed(view, part, frame, box)
      for (const { points: line } of part.lines) {
        for (let i = 1; i < line.length; i++) {
          if (!confidenceOf(part, frame, line[i - 1]) || !confidenceOf(part, frame, line[i])) continue
          const distance = distanceTo(points, line[i - 1], line[i], x, y)
          if (distance < nearest) [nearest, found] = [distance, index]
        }
      }
    }
  })
  return found
}

function distanceTo(points, a, b, x, y) {
  const [ax, ay] = [points[2 * a], points[2 * a + 1]]
  const [dx, dy] = [points[2 * b] - ax, points[2 * b + 1] - ay]
  const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / Math.max(dx * dx + dy * dy, 1e-9)))
  return Math.hypot(x - ax - along * dx, y - ay - along * dy)
}
