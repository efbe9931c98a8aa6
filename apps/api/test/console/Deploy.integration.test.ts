import { assert, describe, it } from "@effect/vitest"
import { Layer } from "effect"
import type { Page } from "playwright-core"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded } from "../TestApi.ts"
import { assertPresentable, asStaff } from "./ConsolePage.ts"

const auditChunk = "**/assets/AuditPage-*.js"

/** Requests the chunk by a name that the service does not have, as pages from before an update do. */
const takeAway = (page: Page) =>
  page.route(auditChunk, (route) =>
    route.continue({
      url: route
        .request()
        .url()
        .replace(/-[\w-]{8}\.js$/, "-00000000.js")
    })
  )

/** Counts how often the page is loaded. */
const countLoads = (page: Page) => {
  const loads = { count: 0 }
  page.on("request", (request) => {
    if (request.isNavigationRequest()) loads.count += 1
  })
  return loads
}

const openAudit = (page: Page) => page.getByRole("link", { name: "Audit log" }).click()

const expectedTroubles = /^(?:401|404) for|Failed to fetch dynamically imported module/

describe.skipIf(missingBrowser !== "")(`the console after an update${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("a page that was open before loads itself again, once, and shows what the link was for", () =>
      asStaff(
        "viewer",
        "/",
        async (page) => {
          await takeAway(page)
          const loads = countLoads(page)
          page.on("domcontentloaded", () => void page.unroute(auditChunk))
          await openAudit(page)
          await page.getByRole("heading", { name: "Audit log" }).waitFor()
          await page.getByRole("row").first().waitFor()
          assert.strictEqual(new URL(page.url()).pathname, "/admin/audit")
          assert.strictEqual(loads.count, 1)
        },
        { expectedTroubles }
      )
    )

    it.effect("a page whose part is missing afterwards too says so, and does not load itself again and again", () =>
      asStaff(
        "viewer",
        "/",
        async (page) => {
          await takeAway(page)
          const loads = countLoads(page)
          await openAudit(page)
          await page.getByRole("heading", { name: "This did not load" }).waitFor()
          await assertPresentable(page, "missing-part")
          assert.strictEqual(loads.count, 1)
          await page.unroute(auditChunk)
          await page.getByRole("button", { name: "Try again" }).click()
          await page.getByRole("heading", { name: "Audit log" }).waitFor()
        },
        { expectedTroubles }
      )
    )

    it.effect("what was typed stays while the pointer is over a link whose part is missing", () =>
      asStaff(
        "viewer",
        "/",
        async (page) => {
          await takeAway(page)
          const loads = countLoads(page)
          await page.getByLabel("Search").fill("ada")
          const missing = page.waitForResponse((response) => response.status() === 404)
          await page.getByRole("link", { name: "Audit log" }).hover()
          await missing
          await page.getByRole("link", { name: "Staff" }).hover()
          assert.strictEqual(await page.getByLabel("Search").inputValue(), "ada")
          assert.strictEqual(loads.count, 0)
        },
        { expectedTroubles }
      )
    )
  })
})
