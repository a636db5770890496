// The subject library as a list of cards in a shadow root. It knows nothing of ComfyUI.

const STYLE = `
.panel { display: flex; flex-direction: column; gap: 8px; height: 100%; padding: 8px; box-sizing: border-box; overflow-y: auto;
  color: var(--fg-color, #ddd); font: 12px/1.4 system-ui, sans-serif; }
.drop { padding: 14px 8px; text-align: center; border: 1px dashed var(--border-color, #555); border-radius: 6px; }
.drop.over { border-color: #4f9cf9; background: rgb(79 156 249 / 15%); }
.message { min-height: 1.4em; }
.message.wrong { color: #ff8a80; }
.card { display: grid; grid-template-columns: 1fr 44px; gap: 4px 8px; padding: 8px; border-radius: 6px;
  background: var(--comfy-input-bg, #222); border: 1px solid var(--border-color, #444); }
.views { grid-column: 1 / 3; display: flex; gap: 4px; overflow-x: auto; }
.views figure { margin: 0; flex: none; text-align: center; font-size: 10px; }
.views img { display: block; height: 72px; border-radius: 3px; }
.stranger { color: #ffb74d; }
.stranger img { outline: 2px solid #ffb74d; outline-offset: -2px; }
.colours { display: flex; gap: 3px; align-items: center; }
.colours i { width: 12px; height: 12px; border-radius: 50%; border: 1px solid rgb(255 255 255 / 25%); }
.about { opacity: 0.75; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.actions { grid-column: 1 / 3; display: flex; gap: 6px; }
input, button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--border-color, #555);
  border-radius: 4px; padding: 2px 8px; min-width: 0; }
button { cursor: pointer; }
button:focus-visible, input:focus-visible { outline: 2px solid #4f9cf9; }
.name { font-weight: 600; border-color: transparent; padding-left: 0; }
.name:hover, .name:focus { border-color: var(--border-color, #555); }
svg { width: 44px; height: 44px; }
`
const MARKUP = `<style>${STYLE}</style><div class="panel">
<div class="drop">Drop pictures of one character here</div>
<div class="message" role="status"></div><div class="cards"></div></div>`
const PICTURE = /\.(png|jpe?g|webp)$/i

export class SubjectPanel {
  // actions: list() -> entries, use(name), rename(name, to), remove(name), create(name, files, say); each may
  // give a promise, and rejects with a sentence for the user.
  constructor(actions) {
    this.actions = actions
    this.element = document.createElement('div')
    this.element.className = 'kmc-subjects'
    this.element.style.height = '100%'
    const root = this.element.attachShadow({ mode: 'open' })
    root.innerHTML = MARKUP
    for (const part of ['drop', 'message', 'cards']) this[part] = root.querySelector(`.${part}`)
    this.listen()
    this.refresh()
  }

  listen() {
    const over = (event, inside) => {
      event.preventDefault()
      event.stopPropagation() // the page would load a dropped picture as a workflow
      this.drop.classList.toggle('over', inside)
    }
    this.element.addEventListener('dragover', (event) => over(event, true))
    this.element.addEventListener('dragleave', (event) => over(event, false))
    this.element.addEventListener('drop', (event) => {
      over(event, false)
      this.import([...event.dataTransfer.files].filter(({ name }) => PICTURE.test(name)))
    })
  }

  say(sentence, wrong = false) {
    this.message.textContent = sentence
    this.message.classList.toggle('wrong', wrong)
  }

  // Do something, show the list as it is then, and say what went wrong.
  async attempt(action) {
    try {
      this.say('')
      await action()
      await this.refresh()
    } catch (error) {
      await this.refresh()
      this.say(error.message, true)
    }
  }

  async refresh() {
    try {
      const entries = await this.actions.list()
      if (this.typing) return // a list that is shown anew would take the name away; it is read again after
      this.cards.replaceChildren(...entries.map((entry) => this.card(entry)))
      if (!entries.length) this.say('The library is empty. Save Subject, or drop pictures above.')
    } catch (error) {
      this.say(error.message, true)
    }
  }

  import(files) {
    if (!files.length) return this.say('Drop pictures: png, jpg or webp.', true)
    const name = files[0].name.replace(PICTURE, '')
    return this.attempt(() => this.actions.create(name, files, (sentence) => this.say(sentence)))
  }

  card(entry) {
    const card = make('div', 'card')
    const name = make('input', 'name')
    Object.assign(name, { value: entry.name, title: 'Rename', ariaLabel: `Name of ${entry.name}` })
    name.addEventListener('input', () => { this.typing = true })
    name.addEventListener('change', () => {
      this.typing = false
      this.attempt(() => this.actions.rename(entry.name, name.value))
    })
    name.addEventListener('blur', () => {
      if (!this.typing) return
      this.typing = false
      this.refresh()
    })
    name.addEventListener('keydown', (event) => event.stopPropagation()) // the page has shortcuts on letters
    card.append(name)
    if (entry.problem) card.append(make('span'), make('div', 'about', entry.problem))
    else card.append(coverage(entry.views), colours(entry.palette), make('span'), views(entry.views))
    if (entry.description) card.append(make('div', 'about', entry.description))
    if (!entry.problem) card.append(this.buttons(entry.name))
    return card
  }

  buttons(name) {
    const actions = make('div', 'actions')
    const use = make('button', 'use', 'Use')
    use.title = 'Load this character in the graph'
    use.addEventListener('click', () => this.attempt(() => this.actions.use(name)))
    const remove = make('button', 'remove', 'Delete')
    remove.addEventListener('click', () => {
      if (remove.textContent !== 'Delete') return this.attempt(() => this.actions.remove(name))
      remove.textContent = 'Delete for good?'
      remove.addEventListener('blur', () => { remove.textContent = 'Delete' }, { once: true })
      remove.focus()
    })
    actions.append(use, remove)
    return actions
  }
}

function make(tag, className = '', text = '') {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.textContent = text
  return element
}

function views(entries) {
  const row = make('div', 'views')
  for (const { thumbnail, yaw, kind, stranger } of entries) {
    const figure = make('figure', stranger ? 'stranger' : '')
    if (stranger) figure.title = 'This face looks like another person than the others'
    const image = make('img')
    if (thumbnail) image.src = `data:image/jpeg;base64,${thumbnail}`
    image.alt = kind
    figure.append(image, make('figcaption', '', `${kind} ${Math.round(yaw * 180 / Math.PI)}°`))
    row.append(figure)
  }
  return row
}

function colours(palette) {
  const row = make('div', 'colours')
  for (const colour of palette) {
    const dot = make('i')
    dot.style.backgroundColor = colour
    dot.title = colour
    row.append(dot)
  }
  return row
}

// A head from above that looks down the page, with a mark on every side that a view shows.
function coverage(entries) {
  const marks = entries.map(({ yaw }) => {
    const [x, y] = [22 + 17 * Math.sin(yaw), 22 + 17 * Math.cos(yaw)]
    return `<circle cx="${x}" cy="${y}" r="4" fill="#4f9cf9"/>`
  })
  const holder = make('span')
  holder.title = 'Sides that the views show; the front is below'
  holder.innerHTML = `<svg viewBox="0 0 44 44"><circle cx="22" cy="22" r="17" fill="none" stroke="currentColor" opacity="0.3"/>
    <path d="M16 20a6 6 0 0 1 12 0v3l-6 7-6-7z" fill="currentColor" opacity="0.4"/>${marks.join('')}</svg>`
  return holder
}
