// Shows the motion viewer on the node Preview Motion, in both of the page's renderers.
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { parseView } from './motion_file.js'
import { MotionViewer } from './motion_viewer.js'

const NODE = 'KMC_PreviewMotion'
const SHOWN = 'Last motion' // a property of the node: what it showed is there again when the page is reloaded
const PERSON = 'person' // a widget of this name takes the number of the person that is chosen
const WIDTH = 340, HEIGHT = 320
const GONE = 'Run the node again to see the motion'

app.registerExtension({
  name: 'kmc.PreviewMotion',
  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(node)
  },
})

function attach(node) {
  const viewer = new MotionViewer(HEIGHT, (index) => choosePerson(node, index))
  node.addDOMWidget('kmc_viewer', 'KMC_VIEWER', viewer.element, {
    serialize: false, hideOnZoom: false, getMinHeight: () => HEIGHT,
  })
  node.setSize([Math.max(node.size[0], WIDTH), Math.max(node.size[1], node.computeSize()[1])])
  // The drawn video is for places without a viewer: hidden from Nodes 2.0, and from the classic canvas.
  node.hideOutputImages = true
  node.onDrawBackground = () => {}
  forwardWheel(viewer.element)
  let loading = new AbortController()
  const show = (files) => {
    loading.abort()
    loading = new AbortController()
    if (files) load(viewer, files, loading.signal)
  }
  chain(node, 'onExecuted', (output) => {
    const files = filesOf(output)
    if (files) node.properties[SHOWN] = files
    show(files)
  })
  chain(node, 'onConfigure', () => show(node.properties[SHOWN]))
  chain(node, 'onRemoved', () => {
    loading.abort()
    viewer.dispose()
  })
}

// { motion, compare, clip }, each a file of the host as its /view takes it, or null.
function filesOf(output) {
  const file = (name) => output?.[name]?.at(-1) ?? null
  if (!file('kmc_motion')) return null
  return { motion: file('kmc_motion'), compare: file('kmc_compare'), clip: file('kmc_clip') }
}

async function load(viewer, { motion, compare, clip }, signal) {
  try {
    const files = [motion, compare].filter(Boolean)
    const views = await Promise.all(files.map((file) => fetchView(file, signal)))
    viewer.show(views, clip && api.apiURL(addressOf(clip)))
  } catch (error) {
    if (!signal.aborted) viewer.say(error.message)
  }
}

async function fetchView(file, signal) {
  const answer = await api.fetchApi(addressOf(file), { signal }).catch(() => null)
  if (!answer?.ok) throw new Error(GONE)
  return parseView(await answer.arrayBuffer())
}

function addressOf({ filename, subfolder, type }) {
  return `/view?${new URLSearchParams({ filename, subfolder, type })}`
}

function choosePerson(node, index) {
  const widget = node.widgets.find(({ name }) => name === PERSON)
  if (!widget || index === null) return
  widget.value = index
  widget.callback?.(index)
}

function chain(node, name, action) {
  const before = node[name]
  node[name] = function (...given) {
    before?.apply(this, given)
    action(...given)
  }
}

// Over an element the classic canvas hears no wheel; Nodes 2.0 hears it by itself.
function forwardWheel(element) {
  element.addEventListener('wheel', (event) => {
    if (element.closest('[data-node-id]')) return
    event.preventDefault()
    app.canvas.canvas.dispatchEvent(new WheelEvent('wheel', event))
  }, { passive: false })
}
