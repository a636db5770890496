// Opens the host's page in Chromium, loads a workflow, queues it, and prints what happened as one JSON object.
//   node page.mjs '{"url":..., "playwright": folder, "chromium": program, "renderer": "classic" | "nodes2",
//                   "workflow": file | null, "queue": bool, "screenshot": file, "pack": folder name, "seconds": number,
//                   "drive": module | null, whose default export is called with Playwright's page after the run; its
//                            result, an object, joins the answers
//                   "ask": {name: JavaScript expression, evaluated in the page at the end}}'
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const options = JSON.parse(process.argv[2])
const { chromium } = await import(pathToFileURL(path.join(options.playwright, 'index.mjs')))
const QUIET = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const report = { page_errors: [], failed_requests: [], node_types: 0, missing: [], nodes: 0, answers: {} }

async function chooseRenderer(value) {
  const answer = await fetch(`${options.url}/settings/Comfy.VueNodes.Enabled`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value),
  })
  if (!answer.ok) throw new Error(`the host refused the renderer setting: ${answer.status}`)
}

function listen(page) {
  page.on('pageerror', (error) => report.page_errors.push(error.message))
  page.on('response', (response) => {
    const ofPack = response.url().includes(options.pack)
    if (ofPack && response.status() >= 400) report.failed_requests.push(`${response.status()} ${response.url()}`)
  })
}

async function waitUntilReady(page) {
  await page.goto(options.url, { waitUntil: 'domcontentloaded' })
  const ready = () => window.app?.graph && window.app?.extensionManager
    && Object.keys(window.LiteGraph?.registered_node_types ?? {}).length > 100
  await page.waitForFunction(ready, undefined, { timeout: options.seconds * 1000 })
  report.node_types = await page.evaluate(() => Object.keys(LiteGraph.registered_node_types).length)
  report.renderer = await page.evaluate(() => app.ui.settings.getSettingValue('Comfy.VueNodes.Enabled'))
    ? 'nodes2' : 'classic'
}

async function loadWorkflow(page, workflow) {
  const isGraph = Array.isArray(workflow.nodes)
  const types = isGraph ? workflow.nodes.map((node) => node.type) : Object.values(workflow).map((node) => node.class_type)
  const subgraphs = (workflow.definitions?.subgraphs ?? []).map((subgraph) => subgraph.id)
  await page.evaluate(([content, graph]) => graph ? app.loadGraphData(content) : app.loadApiJson(content, 'test'),
    [workflow, isGraph])
  await page.waitForTimeout(1500) // nodes are laid out and drawn after the load; unknown ones never come
  const pageOnly = ['Note', 'MarkdownNote', 'Reroute', 'PrimitiveNode', ...subgraphs]
  report.missing = await page.evaluate((wanted) => wanted.filter((type) => !(type in LiteGraph.registered_node_types)),
    types.filter((type) => !pageOnly.includes(type)))
  report.nodes = await page.evaluate(() => app.graph._nodes.length)
  report.node_elements = await page.evaluate(() => document.querySelectorAll('[data-node-id]').length)
}

async function queueAndWait(page) {
  await page.evaluate(() => {
    const record = window.kmcRecord = { previews: 0, progress: 0, ended: null, shown: [] }
    const on = (name, action) => app.api.addEventListener(name, action)
    on('b_preview', () => { record.previews += 1 })
    on('b_preview_with_metadata', () => { record.previews += 1 })
    on('progress', () => { record.progress += 1 })
    on('executed', ({ detail }) => { if (detail.output) record.shown.push(String(detail.display_node ?? detail.node)) })
    for (const name of ['execution_success', 'execution_error', 'execution_interrupted']) {
      on(name, ({ detail }) => { record.ended = name; record.error = detail.exception_message ?? null })
    }
  })
  const isQueued = (response) => response.request().method() === 'POST' && response.url().endsWith('/prompt')
  const [answer] = await Promise.all([page.waitForResponse(isQueued), page.evaluate(() => app.queuePrompt(0, 1))])
  report.queued = await answer.json()
  if (report.queued.prompt_id && !Object.keys(report.queued.node_errors ?? {}).length) {
    await page.waitForFunction(() => window.kmcRecord.ended, undefined, { timeout: options.seconds * 1000 })
    await page.waitForTimeout(1500) // the page draws pictures after it was told of them
  }
  Object.assign(report, await page.evaluate(() => window.kmcRecord))
  report.pictures = await page.evaluate(() => app.graph._nodes.filter((node) => node.imgs?.length).length
    + document.querySelectorAll('[data-node-id] img, [data-node-id] video').length)
}

const browser = await chromium.launch({ executablePath: options.chromium, args: ['--no-sandbox', '--disable-gpu', ...QUIET] })
try {
  await chooseRenderer(options.renderer === 'nodes2')
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } })
  listen(page)
  await waitUntilReady(page)
  if (options.workflow) await loadWorkflow(page, JSON.parse(fs.readFileSync(options.workflow, 'utf8')))
  if (options.workflow && options.queue) await queueAndWait(page)
  await page.waitForTimeout(500)
  if (options.drive) Object.assign(report.answers, await (await import(pathToFileURL(options.drive))).default(page))
  for (const [name, expression] of Object.entries(options.ask)) report.answers[name] = await page.evaluate(expression)
  await page.screenshot({ path: options.screenshot })
} finally {
  await browser.close()
}
console.log(JSON.stringify(report))
