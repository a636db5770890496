// Shows the motion viewer on the node Preview Motion, in both of the page's renderers.
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { parseView } from './motion_file.js'
import { MotionViewer } from './motion_viewer.js'

const NODE = 'KMC_PreviewMotion'
const SHOWN = 'Last motion' // a property of the node: what it showed is there again when the page is reloaded
const SELECT = 'KMC_SelectPerson', INPUTS = ['motion', 'compare']
const WIDTH = 340, HEIGHT = 320
const GONE = 'Run the node again to see the motion'

app.registerExtension({
  name: 'kmc.PreviewMotion',
  nodeCreated(node) {
    if (node.comfyClass === NODE) attach(node)
  },
})

function attach(node) {
  const viewer = new MotionViewer(HEIGHT, (index, view) => choosePerson(node, index, INPUTS[view]))
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

// The one Select Person that takes the motion of this input takes the person that is chosen; several have one each.
function choosePerson(node, index, input) {
  const source = sourceOf(node, input)
  if (!source || index === null) return
  const beside = node.graph.nodes.filter((other) => other.comfyClass === SELECT && sourceOf(other, 'motion') === source)
  if (beside.length !== 1) return
  for (const [name, value] of [['by', 'number'], ['number', index]]) {
    const widget = beside[0].widgets.find((each) => each.name === name)
    widget.value = value
    widget.callback?.(value)
  }
}

// The output that feeds an input, as a word; undefined where nothing does.
function sourceOf(node, input) {
  const link = node.getInputLink(node.findInputSlot(input))
  return link ? `${link.origin_id} ${link.origin_slot}` : undefined
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
