// Uses the motion viewer as a person would, on a page whose workflow has run, and tells what came of it.

const PACK = '/extensions/kmc-motion-control'
const VIEWER = '.kmc-motion-viewer'

// Locators of the viewer's parts; Playwright looks into its shadow root.
export function viewerOf(page) {
  return (part) => page.locator(`${VIEWER} .${part}`)
}

// Bring the node into sight, at a zoom at which screen and canvas pixels are the same.
export async function lookAt(page) {
  await page.evaluate(() => {
    const node = app.graph._nodes.find(({ type }) => type === 'KMC_PreviewMotion')
    app.canvas.ds.scale = 1
    app.canvas.ds.offset = [200 - node.pos[0], 120 - node.pos[1]]
    app.canvas.setDirty(true, true)
  })
  await page.waitForTimeout(400)
}

export async function frameOf(page) {
  return Number.parseInt(await viewerOf(page)('time').textContent(), 10)
}

// Drag the slider between two shares of its length, in as many moves of the pointer.
export async function scrub(page, from, to, moves) {
  const { x, y, width, height } = await viewerOf(page)('slider').boundingBox()
  await page.mouse.move(x + width * from, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(x + width * to, y + height / 2, { steps: moves })
  await page.mouse.up()
  await page.waitForTimeout(200)
}

function pictureOf(page) {
  return viewerOf(page)('picture').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let [sum, lit] = [0, 0]
    for (let i = 0; i < data.length; i += 4) {
      const light = data[i] + data[i + 1] + data[i + 2]
      sum = (sum * 31 + light) % 1000003
      lit += light > 200
    }
    return { sum, lit }
  })
}

// Pixels by colour that one red limb leaves on a canvas, for each confidence of its end, and with a contact there.
function limbs(page) {
  return page.evaluate(async (pack) => {
    const { drawView } = await import(`${pack}/motion_draw.js`)
    const draw = (confidence, contacts) => {
      const place = { values: new Int16Array([-10000, 0, 10000, 0]), confidence: new Uint8Array([255, 255 * confidence]) }
      const part = { name: 'body', count: 2, lines: [{ points: [0, 1], colour: [255, 0, 0] }], ...place }
      const view = { seen: 0.3, sure: 0.6, step: 1.5 / 32767, people: [{ name: '', contacts, parts: [part] }] }
      const context = new OffscreenCanvas(100, 100).getContext('2d')
      drawView(context, view, 0, { x: 0, y: 0, width: 100, height: 100 }, null)
      const { data } = context.getImageData(0, 0, 100, 100)
      const count = { red: 0, grey: 0, orange: 0 }
      for (let i = 0; i < data.length; i += 4) {
        const [r, g, b, a] = data.slice(i, i + 4)
        if (a < 100) continue
        count.red += r > 200 && g < 40
        count.grey += Math.abs(r - g) < 20 && r > 100
        count.orange += r > 200 && g > 140 && b < 80
      }
      return count
    }
    const touch = { start: 0, end: 1, at: [['hands', 0], ['body', 1]] } // no hands: the body's point is marked
    return { sure: draw(0.9, []), doubtful: draw(0.2, []), unseen: draw(0, []), touching: draw(0.9, [touch]) }
  }, PACK)
}

async function keys(page) {
  await viewerOf(page)('stage').focus()
  const frames = []
  for (const key of ['Home', 'ArrowRight', 'Shift+ArrowRight', 'ArrowLeft', 'End']) {
    await page.keyboard.press(key)
    frames.push(await frameOf(page))
  }
  return frames
}

async function playAndPause(page) {
  await page.keyboard.press('Home')
  const [button, seen] = [viewerOf(page)('play'), new Set()]
  await button.click()
  const label = await button.getAttribute('aria-label')
  for (let i = 0; i < 12; i++) {
    await page.waitForTimeout(100)
    seen.add(await frameOf(page))
  }
  await button.click()
  await page.waitForTimeout(200)
  const still = await frameOf(page)
  await page.waitForTimeout(300)
  const clip = await viewerOf(page)('clip').evaluate((video) => video.currentTime)
  return { label, seen: seen.size, paused: still === await frameOf(page), frame: still, clip }
}

// Choose person 1 by its chip and person 0 by its limbs; Select Person on the same motion follows, no other does.
async function choosePeople(page) {
  const widget = () => page.evaluate(() => app.graph.nodes.filter(({ type }) => type === 'KMC_SelectPerson')
    .map(({ widgets }) => ['by', 'number'].map((name) => widgets.find((each) => each.name === name).value).join(' ')))
  const chosen = [await widget()]
  await viewerOf(page)('people').locator('button').nth(1).click()
  chosen.push(await widget())
  const [x, y] = await viewerOf(page)('stage').evaluate(async (stage, pack) => {
    const { boxesOf } = await import(`${pack}/motion_draw.js`)
    const [box] = boxesOf([[1280, 720], [640, 720]], stage.clientWidth, stage.clientHeight)
    return [box.x + box.width * 320 / 1280, box.y + box.height * 330 / 720] // on the trunk of person 0
  }, PACK)
  await viewerOf(page)('stage').click({ position: { x, y } })
  chosen.push(await widget())
  return { chosen, pressed: await viewerOf(page)('people').locator('[aria-pressed=true]').allTextContents() }
}

async function runAgain(page) {
  const source = () => viewerOf(page)('clip').evaluate((video) => video.src)
  const before = await source()
  await page.evaluate(() => {
    app.graph._nodes.find(({ type }) => type === 'KMC_PreviewMotion').widgets[0].value = 96
    return app.queuePrompt(0, 1)
  })
  await page.waitForFunction(([viewer, old]) => document.querySelector(viewer).shadowRoot.querySelector('video').src !== old,
    [VIEWER, before], { timeout: 60_000 })
  await page.waitForTimeout(500)
  return (await pictureOf(page)).lit > 0
}

async function reload(page) {
  await page.reload({ waitUntil: 'domcontentloaded' })
  await page.waitForFunction((viewer) => document.querySelector(viewer), VIEWER, { timeout: 120_000 })
  await page.waitForTimeout(1000)
  await lookAt(page)
}

// What the page does for undo, and for another of its tabs: all nodes are made anew.
async function loadGraphAgain(page) {
  await page.evaluate(() => app.loadGraphData(app.graph.serialize()))
  await page.waitForTimeout(1000)
  await lookAt(page)
}

export default async function use(page) {
  const viewer = viewerOf(page)
  await lookAt(page)
  const answers = { first: await pictureOf(page), frames: [await frameOf(page)] }
  answers.clip = await viewer('clip').evaluate(({ readyState, hidden }) => readyState >= 2 && !hidden)
  await scrub(page, 0.1, 0.6, 20)
  answers.frames.push(await frameOf(page))
  answers.scrubbed = await pictureOf(page)
  answers.keys = await keys(page)
  answers.limbs = await limbs(page)
  answers.played = await playAndPause(page)
  answers.people = await choosePeople(page)
  answers.ran_again = await runAgain(page)
  await reload(page)
  answers.reloaded = (await pictureOf(page)).lit > 0
  await page.route('**/view?*', (route) => route.fulfill({ status: 404 }))
  await loadGraphAgain(page)
  answers.gone = await viewer('message').textContent()
  await page.unroute('**/view?*')
  await loadGraphAgain(page)
  await viewer('play').click()
  await page.evaluate(() => app.graph.remove(app.graph._nodes.find(({ type }) => type === 'KMC_PreviewMotion')))
  await page.waitForTimeout(400)
  answers.left = await page.locator(VIEWER).count()
  return answers
}
