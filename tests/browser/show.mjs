// Shows what a workflow is about from near, and the panel of subjects beside one that keeps a subject.
const SCALE = 0.58 // near enough for the classic canvas to draw its text

export default async function show(page) {
  const about = ['KMC_SaveSubject', 'KMC_ApplyCamera'] // the node whose group comes first in the picture
  const keeps = await page.evaluate(() => app.graph._nodes.some(({ type }) => type === 'KMC_SaveSubject'))
  if (keeps) {
    await page.locator('.kmc-subjects-tab-button').click()
    await page.waitForFunction(() => document.querySelector('.kmc-subjects')?.shadowRoot.querySelector('.card img')?.naturalWidth,
      undefined, { timeout: 60_000 })
  }
  await page.evaluate(() => app.ui.settings.setSettingValue('Comfy.Minimap.Visible', false))
  await page.evaluate(([types, scale]) => {
    const { ds } = app.canvas
    const node = app.graph._nodes.find(({ type }) => types.includes(type))
    const across = app.canvas.canvas.getBoundingClientRect()
    const free = document.querySelector('.kmc-subjects')?.getBoundingClientRect().right ?? 60
    const right = Math.max(...app.graph._nodes.map(({ pos, size }) => pos[0] + size[0])) + 40
    const fits = right + 60 - (innerWidth - free) / scale // the graph's end is in the picture
    ds.scale = scale
    ds.offset = [(free - across.left) / scale + 30 - Math.min(node.pos[0] - 30, fits), 150]
    app.canvas.setDirty(true, true)
  }, [about, SCALE])
  await page.waitForTimeout(2500) // the view moves there, pictures are drawn
  return { panel: keeps }
}
