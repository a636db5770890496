// Measures the motion viewer on a page whose workflow has run: how fast it loads, and follows the pointer.
import { lookAt, viewerOf } from './viewer.mjs'

// A pointer that moves as a mouse does, whether or not the page keeps up: across the slider in three seconds.
const MOVES = 375, MOVE_EVERY_MS = 8

// Keep when the viewer draws, and for how long: a drawing begins by clearing the picture, then come the bars.
function recordDrawings(page) {
  return viewerOf(page)('picture').evaluate((picture) => {
    [window.kmcDrawings, window.kmcDurations] = [[], []]
    const bars = picture.getRootNode().querySelector('.bars')
    const clear = CanvasRenderingContext2D.prototype.clearRect
    CanvasRenderingContext2D.prototype.clearRect = function (...box) {
      if (this.canvas === picture) window.kmcDrawings.push(performance.now())
      if (this.canvas === bars) window.kmcDurations.push(performance.now() - window.kmcDrawings.at(-1))
      clear.apply(this, box)
    }
  })
}

// Milliseconds from the host's word that the node has run to the first drawing of its motion, and its bytes.
function load(page) {
  return page.evaluate(async () => {
    const node = app.graph._nodes.find(({ type }) => type === 'KMC_PreviewMotion')
    const files = node.properties['Last motion']
    window.kmcDrawings.length = 0
    const start = performance.now()
    node.onExecuted({ kmc_motion: [files.motion], kmc_clip: [files.clip] })
    while (!window.kmcDrawings.length) await new Promise(requestAnimationFrame)
    const answer = await fetch(`/view?${new URLSearchParams(files.motion)}`)
    return { ms: window.kmcDrawings[0] - start, bytes: (await answer.arrayBuffer()).byteLength }
  })
}

async function drag(page) {
  const { x, y, width, height } = await viewerOf(page)('slider').boundingBox()
  const at = (i) => page.mouse.move(x + width * (0.02 + 0.96 * i / MOVES), y + height / 2)
  await at(0)
  await page.mouse.down()
  const moved = []
  const start = performance.now()
  for (let i = 1; i <= MOVES; i++) {
    await new Promise((resolve) => setTimeout(resolve, start + i * MOVE_EVERY_MS - performance.now()))
    moved.push(at(i))
  }
  await Promise.all(moved)
  await page.mouse.up()
}

// Drawings a second while the pointer drags the slider; `still` is the page's own rate of frames at rest.
async function follow(page) {
  const still = await page.evaluate(async () => {
    const start = performance.now()
    for (let i = 0; i < 60; i++) await new Promise(requestAnimationFrame)
    return 60_000 / (performance.now() - start)
  })
  await page.evaluate(() => { window.kmcDrawings.length = window.kmcDurations.length = 0 })
  await drag(page)
  const [times, durations] = await page.evaluate(() => [window.kmcDrawings, window.kmcDurations])
  const sorted = (values) => values.toSorted((a, b) => a - b)
  const gaps = sorted(times.slice(1).map((time, i) => time - times[i]))
  return {
    fps: 1000 * gaps.length / (times.at(-1) - times[0]), still,
    slowest_ms: gaps[Math.floor(gaps.length * 0.95)], draw_ms: sorted(durations)[Math.floor(durations.length / 2)],
  }
}

export default async function measure(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  await lookAt(page)
  await recordDrawings(page)
  const runs = { loads: [], scrubs: [] }
  for (let i = 0; i < 3; i++) {
    runs.loads.push(await load(page))
    await page.waitForTimeout(1000)
    runs.scrubs.push(await follow(page))
  }
  return runs
}
