// Markup and style of the viewer. Colours are the page's own, so that they follow its theme.

const STYLE = `
.viewer { flex: 1; display: flex; flex-direction: column; gap: 4px; min-width: 0; color: var(--fg-color, #ddd);
  font: 11px/1.3 system-ui, sans-serif; user-select: none; }
.stage { flex: 1; position: relative; min-height: 120px; overflow: hidden; border-radius: 4px; background: #0c0d10;
  cursor: pointer; }
.stage > * { position: absolute; pointer-events: none; }
.clip { opacity: 0.6; object-fit: fill; }
.picture { inset: 0; width: 100%; height: 100%; }
.caption { flex: none; height: 14px; padding: 0 6px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.message { inset: 0; display: grid; place-items: center; padding: 12px; text-align: center; color: #aab; background: #0c0d10; }
.timeline { position: relative; flex: none; height: 18px; color: var(--fg-color, #ddd);
  border: 0 solid var(--border-color, #555); }
.bars { position: absolute; inset: 0; width: 100%; height: 100%; }
.slider { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; appearance: none; cursor: pointer; }
.slider::-webkit-slider-thumb { appearance: none; width: 12px; height: 18px; }
.slider::-moz-range-thumb { border: 0; width: 12px; height: 18px; }
.controls { flex: none; display: flex; align-items: center; gap: 6px; min-height: 22px; }
.time { flex: 1; font-variant-numeric: tabular-nums; white-space: nowrap; }
.people { flex: none; display: flex; flex-wrap: wrap; gap: 4px; }
button, select { font: inherit; color: inherit; background: var(--comfy-input-bg, #222); height: 20px;
  border: 1px solid var(--border-color, #555); border-radius: 4px; padding: 0 5px; cursor: pointer; }
:disabled { opacity: 0.45; cursor: default; }
.stage:focus-visible, button:focus-visible, select:focus-visible, .slider:focus-visible + .bars {
  outline: 2px solid #4f9cf9; outline-offset: -1px; border-radius: 4px; }
.play { flex: none; width: 26px; padding: 0; display: grid; place-items: center; }
.play svg { width: 10px; height: 10px; fill: currentColor; }
.play .stop, .play.playing .go { display: none; }
.play.playing .stop { display: inline; }
.people button { border-color: transparent; border-radius: 10px; max-width: 100%; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.people button::before { content: ''; display: inline-block; width: 7px; height: 7px; margin-right: 4px; border-radius: 50%;
  background: var(--person); }
.people button[aria-pressed=true] { border-color: var(--person); }
[hidden] { display: none !important; }
`

export const MARKUP = `<style>${STYLE}</style>
<div class="viewer" role="group" aria-label="Motion viewer">
  <div class="stage" tabindex="0" aria-label="Motion: arrow keys step through the frames, space plays">
    <video class="clip" muted loop playsinline preload="auto" hidden></video>
    <canvas class="picture"></canvas>
    <div class="message" role="status"></div>
  </div>
  <div class="caption" hidden></div>
  <div class="timeline">
    <input class="slider" type="range" min="0" max="0" value="0" aria-label="Frame">
    <canvas class="bars" style="pointer-events: none"></canvas>
  </div>
  <div class="people" role="group" aria-label="People" hidden></div>
  <div class="controls">
    <button class="play" aria-label="Play" title="Play (space)">
      <svg class="go" viewBox="0 0 10 10"><path d="M1.5 0 9.5 5 1.5 10z"/></svg>
      <svg class="stop" viewBox="0 0 10 10"><path d="M1 0h3v10H1zM6 0h3v10H6z"/></svg>
    </button>
    <span class="time"></span>
    <select class="speed" aria-label="Speed" title="Speed">
      <option value="0.25">¼×</option><option value="0.5">½×</option>
      <option value="1" selected>1×</option><option value="2">2×</option>
    </select>
  </div>
</div>`
