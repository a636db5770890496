// Shows a workflow as a whole, and the panel of subjects beside one that keeps a subject.
export default async function show(page) {
  const keeps = await page.evaluate(() => app.graph._nodes.some(({ type }) => type === 'KMC_SaveSubject'))
  if (keeps) {
    await page.locator('.kmc-subjects-tab-button').click()
    await page.waitForFunction(() => document.querySelector('.kmc-subjects')?.shadowRoot.querySelector('.card img')?.naturalWidth,
      undefined, { timeout: 60_000 })
  }
  await page.evaluate(() => app.extensionManager.command.execute('Comfy.Canvas.FitView'))
  await page.waitForTimeout(2500) // the view moves there, pictures are drawn
  return { panel: keeps }
}
