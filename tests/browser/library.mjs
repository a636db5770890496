// Uses the panel of the subject library as a person would, and tells what came of it.
import fs from 'node:fs'

const PICTURE = new URL('../../workflows/assets/portrait.png', import.meta.url)
const PANEL = '.kmc-subjects'

export default async function use(page) {
  const panel = page.locator(PANEL)
  const names = () => panel.locator('.name').evaluateAll((inputs) => inputs.map(({ value }) => value))
  const shows = (wanted) => page.waitForFunction(([selector, list]) => JSON.stringify([...document.querySelector(selector)
    .shadowRoot.querySelectorAll('.name')].map(({ value }) => value)) === list, [PANEL, JSON.stringify(wanted)],
  { timeout: 120_000 })
  await page.locator('.kmc-subjects-tab-button').click()
  await panel.waitFor()
  await shows(['Ada', 'Grace'])
  const card = (index) => panel.locator('.card').nth(index)
  const answers = { first: await names() }
  answers.pictures = await card(0).locator('img').evaluateAll((images) => images.map(({ naturalHeight }) => naturalHeight))
  answers.strangers = await panel.locator('.stranger').count()
  answers.sides = await card(0).locator('svg circle[r="4"]').count()
  await card(0).locator('.use').click()
  const loaders = () => page.evaluate(() => app.graph._nodes.filter(({ type }) => type === 'KMC_LoadSubject')
    .map((node) => node.widgets[0].value))
  await page.waitForFunction(() => app.graph._nodes.some(({ widgets }) => widgets?.[0]?.value === 'Ada'))
  answers.used = await loaders()
  await card(1).locator('.name').fill('Ada')
  await card(1).locator('.name').press('Enter')
  await panel.locator('.message.wrong').waitFor()
  answers.taken = await panel.locator('.message').textContent()
  await card(1).locator('.name').fill('Hopper')
  await card(1).locator('.name').press('Enter')
  await panel.getByLabel('Name of Hopper').waitFor() // the list was read anew
  await card(1).locator('.use').click()
  await page.waitForFunction(() => app.graph._nodes.some(({ widgets }) => widgets?.[0]?.value === 'Hopper'))
  answers.used_again = await loaders()
  await card(1).locator('.remove').click()
  answers.kept = await names()
  await card(1).locator('.remove').click()
  await shows(['Ada'])
  const dropped = await page.evaluateHandle((bytes) => {
    const data = new DataTransfer()
    const picture = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))
    for (const name of ['Mira.png', 'Mira side.png']) data.items.add(new File([picture], name, { type: 'image/png' }))
    return data
  }, fs.readFileSync(PICTURE).toString('base64'))
  await panel.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped })
  await shows(['Ada', 'Mira'])
  answers.views = await card(1).locator('figure').count()
  await panel.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped })
  await panel.locator('.message.wrong').waitFor({ timeout: 120_000 })
  answers.twice = await panel.locator('.message').textContent()
  const instead = async (address, body, action) => { // the host's answer is replaced while it is asked
    await page.route(address, (route) => route.fulfill({ contentType: 'application/json', body }))
    await action()
    await page.unroute(address)
  }
  const wrong = async (sentence) => {
    const message = panel.locator('.message.wrong', { hasText: sentence })
    await message.waitFor()
    return message.textContent()
  }
  const drop = () => panel.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped })
  await instead('**/api/prompt', '{"prompt_id": "gone"}', async () => {
    await drop()
    answers.gone = await wrong('queue')
  })
  await instead('**/kmc/subjects', '[NaN]', async () => {
    await card(0).locator('.use').click() // the list is read again
    answers.unreadable = await wrong('cannot be read')
  })
  return answers
}
