// The viewer of one node: a stage, a timeline and controls in a shadow root. It knows nothing of ComfyUI.
import { boxesOf, drawView, PERSON_COLOURS, personAt } from './motion_draw.js'
import { describe, frameAt, label } from './motion_file.js'
import { EDGE, drawTimeline, heightOf, rowsOf } from './motion_timeline.js'
import { MARKUP } from './motion_viewer_markup.js'

const LONGEST_STEP_S = 0.25 // a hidden tab draws no frames: the motion goes on where it was left
const TITLES = ['motion', 'compare']
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity } // frames, by key

export class MotionViewer {
  // `height` in pixels is the least; onSelect(index or null, view) is called when a person of a view is chosen.
  constructor(height, onSelect) {
    this.onSelect = onSelect
    this.views = []
    this.frame = 0
    this.playing = false
    this.selected = null
    this.element = document.createElement('div')
    this.element.className = 'kmc-motion-viewer'
    this.element.style.cssText = `display: flex; min-width: 0; min-height: ${height}px`
    this.root = this.element.attachShadow({ mode: 'open' })
    this.root.innerHTML = MARKUP
    const find = (name) => this.root.querySelector(`.${name}`)
    for (const name of ['stage', 'picture', 'clip', 'caption', 'message', 'timeline', 'bars', 'slider', 'play',
      'time', 'people', 'speed']) this[name] = find(name)
    this.resized = new ResizeObserver(() => this.draw())
    this.resized.observe(this.stage)
    this.listen(find('viewer'))
    this.say('Run the workflow to see the motion')
  }

  listen(viewer) {
    viewer.addEventListener('pointerenter', () => this.draw()) // as sharp as the page is zoomed by now
    viewer.addEventListener('keydown', (event) => this.onKey(event))
    this.slider.addEventListener('input', () => this.seek(Number(this.slider.value)))
    this.timeline.addEventListener('pointermove', (event) => this.hint(event))
    this.play.addEventListener('click', () => this.toggle())
    this.speed.addEventListener('change', () => { this.clip.playbackRate = this.rate })
    this.stage.addEventListener('click', (event) => this.choose(this.personUnder(event)))
    this.clip.addEventListener('seeked', () => { if (this.clipLags) this.alignClip() })
    this.clip.addEventListener('loadeddata', () => this.alignClip())
    this.clip.addEventListener('error', () => this.hideClip())
  }

  // Show parsed motions, the first one over the clip at `clipAddress` (or over black, when that is null).
  show(views, clipAddress) {
    if (!views[0].frames) return this.say('The motion has no frames')
    this.say('')
    this.views = views
    this.selected = null
    this.slider.max = this.frames - 1
    this.clip.hidden = !clipAddress
    if (clipAddress) this.clip.src = clipAddress
    else this.clip.removeAttribute('src')
    this.clip.playbackRate = this.rate
    if (this.playing && clipAddress) this.playClip()
    this.caption.hidden = !views[0].people.some(({ actions, contacts }) => actions.length || contacts.length)
    this.listPeople()
    this.seek(this.frame)
  }

  // A clip that cannot be had leaves the motion on black.
  hideClip() {
    this.clip.hidden = true
    this.draw()
  }

  // Show a sentence in the place of a motion.
  say(sentence) {
    this.message.textContent = sentence
    this.message.hidden = !sentence
    for (const control of [this.slider, this.play, this.speed]) control.disabled = Boolean(sentence)
    if (!sentence) return
    this.pause()
    this.views = []
    this.time.textContent = ''
    this.bars.width = 0
    this.caption.hidden = this.people.hidden = true
  }

  dispose() {
    this.pause()
    this.resized.disconnect()
    this.clip.removeAttribute('src')
    this.clip.load()
    this.views = []
  }

  get frames() { return this.views[0]?.frames ?? 0 }

  get rate() { return Number(this.speed.value) }

  // The motion with the most people: its people are the ones to choose from.
  get crowd() { return this.views.reduce((most, view) => view.people.length > most.people.length ? view : most) }

  seek(frame) {
    if (!this.frames) return
    this.setFrame(Math.max(0, Math.min(this.frames - 1, frame)))
    this.position = (this.frame + 0.5) / this.views[0].fps
    this.alignClip()
  }

  setFrame(frame) {
    this.frame = frame
    this.slider.value = frame
    const seconds = `${(frame / this.views[0].fps).toFixed(2)} s`
    this.time.textContent = `${frame} / ${this.frames - 1} · ${seconds}`
    this.slider.setAttribute('aria-valuetext', `frame ${frame} of ${this.frames - 1}, ${seconds}`)
    this.caption.textContent = describe(this.views[0], frame).join(' · ')
    this.draw()
  }

  // Bring the clip to the shown frame. One seek at a time: the last wish is granted when the one before it is.
  alignClip() {
    this.clipLags = !this.clip.hidden && this.clip.seeking
    if (this.clip.hidden || this.clipLags || !this.frames) return
    const wanted = (this.frame + 0.5) / this.views[0].fps
    if (Math.abs(this.clip.currentTime - wanted) > 0.25 / this.views[0].fps) this.clip.currentTime = wanted
  }

  toggle() {
    if (this.playing) this.pause()
    else this.start()
  }

  start() {
    if (!this.frames) return
    this.setPlaying(true)
    this.position = (this.frame + 0.5) / this.views[0].fps
    let before = performance.now()
    const tick = (now) => {
      if (!this.playing) return
      this.advance(Math.min((now - before) / 1000, LONGEST_STEP_S))
      before = now
      this.ticking = requestAnimationFrame(tick)
    }
    if (!this.clip.hidden) this.playClip()
    this.ticking = requestAnimationFrame(tick)
  }

  pause() {
    if (!this.playing) return
    cancelAnimationFrame(this.ticking)
    this.setPlaying(false)
    this.clip.pause()
    this.alignClip()
  }

  setPlaying(playing) {
    this.playing = playing
    this.play.classList.toggle('playing', playing)
    this.play.setAttribute('aria-label', playing ? 'Pause' : 'Play')
    this.play.title = playing ? 'Pause (space)' : 'Play (space)'
  }

  playClip() {
    // A refusal (a paused page, a clip that is gone) leaves the clip still; the motion plays on by itself.
    this.clip.play().catch(() => {})
  }

  // The next frame of a motion that plays: where its clip is, else by the clock.
  advance(seconds) {
    const clipRuns = !(this.clip.hidden || this.clip.paused || this.clip.seeking) && this.clip.readyState >= 2
    this.position = clipRuns ? this.clip.currentTime : this.position + seconds * this.rate
    const length = this.frames / this.views[0].fps
    if (this.position >= length) this.position %= length
    const frame = frameAt(this.views[0], this.position)
    if (frame !== this.frame) this.setFrame(frame)
  }

  onKey(event) {
    const { key, target } = event
    if (event.ctrlKey || event.metaKey || event.altKey || !(key in STEPS || key === ' ')) return
    event.stopPropagation() // the page has shortcuts on these keys
    if (target === this.speed || (key === ' ' && target.tagName === 'BUTTON')) return // they use the key themselves
    event.preventDefault()
    if (key === ' ') return this.toggle()
    this.pause()
    this.seek(this.frame + STEPS[key] * (event.shiftKey ? 10 : 1))
  }

  hint({ offsetX }) {
    if (!this.frames) return
    const share = (offsetX - EDGE) / Math.max(1, this.slider.clientWidth - 2 * EDGE)
    const frame = Math.round(Math.max(0, Math.min(1, share)) * (this.frames - 1))
    this.slider.title = [`frame ${frame}`, ...describe(this.views[0], frame)].join('\n')
  }

  listPeople() {
    this.people.replaceChildren()
    const { people } = this.crowd
    this.people.hidden = people.length < 2 && !people[0]?.name
    if (this.people.hidden) return
    people.forEach((person, index) => {
      const chip = document.createElement('button')
      chip.textContent = label(person, index)
      chip.title = `Show person ${label(person, index)} alone`
      chip.style.setProperty('--person', PERSON_COLOURS[index % PERSON_COLOURS.length])
      chip.setAttribute('aria-pressed', 'false')
      chip.addEventListener('click', () => this.choose(this.selected === index ? null : index))
      this.people.append(chip)
    })
  }

  choose(index) {
    if (!this.frames || index === this.selected) return
    this.selected = index
    ;[...this.people.children].forEach((chip, i) => chip.setAttribute('aria-pressed', String(i === index)))
    this.onSelect(index, this.views.indexOf(this.crowd))
    this.draw()
  }

  // A motion with fewer people (one that was retargeted) shows all of them, whoever is selected.
  selectedIn(view) { return view.people.length === this.crowd.people.length ? this.selected : null }

  personUnder({ offsetX, offsetY }) {
    if (!this.frames) return null
    for (const [index, view] of this.views.entries()) {
      if (view.people.length < this.crowd.people.length || view.people.length < 2 || !this.boxes) continue
      const found = personAt(view, this.frameOf(view), this.boxes[index], offsetX, offsetY)
      if (found !== null) return found
    }
    return null
  }

  frameOf(view) {
    return view === this.views[0] ? this.frame : frameAt(view, (this.frame + 0.5) / this.views[0].fps)
  }

  // Draw before the next frame of the page, however often this is called.
  draw() {
    this.drawing ??= requestAnimationFrame(() => {
      this.drawing = undefined
      this.drawNow()
    })
  }

  drawNow() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight]
    if (!this.frames || !width || !height) return
    const context = fittedContext(this.picture, width, height)
    this.boxes = boxesOf(this.views.map(({ size }) => size), width, height)
    this.views.forEach((view, index) => {
      const box = this.boxes[index]
      context.fillStyle = '#000'
      if (index || this.clip.hidden) context.fillRect(box.x, box.y, box.width, box.height)
      drawView(context, view, this.frameOf(view), box, this.selectedIn(view))
      if (this.views.length > 1) drawTitle(context, TITLES[index], box)
    })
    const { x, y, width: w, height: h } = this.boxes[0]
    this.clip.style.cssText = `left: ${x}px; top: ${y}px; width: ${w}px; height: ${h}px`
    this.drawBars(width)
  }

  drawBars(width) {
    const rows = rowsOf(this.views[0], this.selectedIn(this.views[0]))
    const height = heightOf(rows)
    if (this.timeline.clientHeight !== height) this.timeline.style.height = `${height}px`
    const style = getComputedStyle(this.timeline)
    const colours = { text: style.color, rail: style.borderColor, accent: PERSON_COLOURS[0] }
    drawTimeline(fittedContext(this.bars, width, height), rows, width, this.frame, this.frames, colours)
  }
}

// The canvas' context in CSS pixels, its picture as fine as the screen and the page's zoom show it, cleared.
function fittedContext(canvas, width, height) {
  const zoom = canvas.getBoundingClientRect().width / (canvas.clientWidth || 1)
  const scale = Math.min(3, devicePixelRatio * Math.max(1, zoom || 1))
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  const context = canvas.getContext('2d')
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h })
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.clearRect(0, 0, width, height)
  return context
}

function drawTitle(context, title, box) {
  context.font = '10px system-ui, sans-serif'
  context.textBaseline = 'bottom'
  context.fillStyle = 'rgba(255, 255, 255, 0.65)'
  context.fillText(title, box.x + 5, box.y + box.height - 4)
}
