// The panel Subjects at the page's side: the subject library of the host, in both of the page's renderers.
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { SubjectPanel } from './subject_panel.js'

const LOADER = 'KMC_LoadSubject'
const FOLDER = 'kmc_subjects' // of dropped pictures, inside the host's input folder
const PAUSE = 500 // milliseconds between looks at the queue

app.registerExtension({
  name: 'kmc.SubjectLibrary',
  setup() {
    app.extensionManager.registerSidebarTab({
      id: 'kmc-subjects', icon: 'pi pi-users', title: 'Subjects', tooltip: 'Subject library', type: 'custom',
      render(element) {
        element.replaceChildren(new SubjectPanel({ list, use, rename, remove, create }).element)
      },
    })
  },
})

async function asked(address, options) {
  const answer = await api.fetchApi(address, options).catch(() => null)
  if (!answer) throw new Error('ComfyUI does not answer.')
  const body = await answer.json().catch(() => null)
  if (!answer.ok) throw new Error(reason(body ?? {}))
  if (body === null) throw new Error('The answer of ComfyUI cannot be read.')
  return body
}

// A sentence from our own routes, or from the host's refusal of a prompt.
function reason({ error, node_errors: nodes }) {
  const details = Object.values(nodes ?? {}).flatMap(({ errors }) => errors.map((each) => each.details))
  return details[0] ?? error?.message ?? error ?? 'ComfyUI refused this.'
}

function post(address, body) {
  return asked(address, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
}

function list() {
  return asked('/kmc/subjects')
}

async function rename(name, to) {
  await post('/kmc/subjects/rename', { name, to })
  await app.refreshComboInNodes()
}

async function remove(name) {
  await post('/kmc/subjects/delete', { name })
  await app.refreshComboInNodes()
}

// Into the selected Load Subject, else the only one, else a new one.
async function use(name) {
  await app.refreshComboInNodes()
  const all = app.graph._nodes.filter(({ comfyClass }) => comfyClass === LOADER)
  const selected = all.filter(({ id }) => id in (app.canvas.selected_nodes ?? {}))
  const node = selected[0] ?? (all.length === 1 ? all[0] : addLoader())
  const widget = node.widgets.find((each) => each.name === 'name')
  widget.value = name
  widget.callback?.(name)
  app.canvas.setDirty(true, true)
}

function addLoader() {
  const node = LiteGraph.createNode(LOADER)
  const [x, y, width, height] = app.canvas.visible_area
  node.pos = [x + width / 2 - node.size[0] / 2, y + height / 2 - node.size[1] / 2]
  app.graph.add(node)
  return node
}

// Upload pictures, then queue a graph that makes a subject of each, merges them and saves the result.
async function create(name, files, say) {
  say(`Uploading ${files.length} pictures ...`)
  const pictures = []
  const folder = `${FOLDER}/${Date.now()}` // a new one each time: the host runs no graph twice, and nothing would be saved
  for (const file of files) {
    const form = new FormData()
    form.append('image', file)
    form.append('subfolder', folder)
    pictures.push(await asked('/upload/image', { method: 'POST', body: form }))
  }
  const { prompt_id: id } = await post('/prompt', { prompt: graphOf(name, pictures), client_id: api.clientId })
  say('Reading the pictures ...')
  await finished(id)
  await app.refreshComboInNodes()
}

function graphOf(name, pictures) {
  const graph = {}
  let last = null
  pictures.forEach((picture, index) => {
    const image = picture.subfolder ? `${picture.subfolder}/${picture.name}` : picture.name
    graph[`picture${index}`] = { class_type: 'LoadImage', inputs: { image } }
    const inputs = { images: [`picture${index}`, 0], name, description: '', backend: 'torch' }
    graph[`subject${index}`] = { class_type: 'KMC_CreateSubject', inputs }
    const subject = [`subject${index}`, 0]
    if (last) graph[`merge${index}`] = { class_type: 'KMC_MergeSubjects', inputs: { first: last, second: subject, name: '' } }
    last = last ? [`merge${index}`, 0] : subject
  })
  graph.save = { class_type: 'KMC_SaveSubject', inputs: { subject: last, overwrite: false } }
  return graph
}

// Waits for the end of a queued graph; rejects with the reason where it fails or leaves the queue. It asks
// instead of listening, for no event tells of a graph that is taken from the queue, or of one that ended unheard.
async function finished(id) {
  for (;;) {
    const { queue_running: running, queue_pending: pending } = await asked('/queue')
    const { [id]: run } = await asked(`/history/${id}`)
    if (run) return checkSuccess(run.status)
    if (![...running, ...pending].some(([, each]) => each === id)) throw new Error('It was taken from the queue.')
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

function checkSuccess({ status_str: ended, messages }) {
  if (ended === 'success') return
  const failure = messages.find(([event]) => event === 'execution_error')
  throw new Error(failure?.[1].exception_message ?? 'It was interrupted.')
}
