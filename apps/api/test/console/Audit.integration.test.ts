import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFile } from "node:fs/promises"
import type { Page } from "playwright-core"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { behindCuttingProxy } from "./CuttingProxy.ts"
import { outageOf } from "./Outage.ts"
import { assertPresentable, asStaff, canary } from "./ConsolePage.ts"

const exportButton = (page: Page) => page.getByRole("button", { name: "Export these entries" })

// A browser without a window shows no choice of a file. This one is in the private file system of the page, and new.
const withFilePicker = (page: Page) =>
  page.evaluate(
    "window.showSaveFilePicker = async () => (await navigator.storage.getDirectory()).getFileHandle('entries', { create: true })"
  )

/** Writes a file with the name of that of {@link withFilePicker}. */
const writeOldFile = `(async () => {
  const files = await navigator.storage.getDirectory()
  const writable = await (await files.getFileHandle("entries", { create: true })).createWritable()
  await writable.write("old")
  await writable.close()
})()`

const withoutFilePicker = (page: Page) => page.evaluate("delete window.showSaveFilePicker")

/** The content of the file of {@link withFilePicker}, or undefined if there is none. */
const contentOfFile = (page: Page) =>
  page.evaluate<string | undefined>(
    "navigator.storage.getDirectory().then((files) => files.getFileHandle('entries')).then((file) => file.getFile()).then((file) => file.text(), () => undefined)"
  )

const assertEntriesOf = (userId: string, text: string | undefined) => {
  const entries = (text ?? "")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  assert.isAtLeast(entries.length, 1)
  assert.isTrue(entries.every(({ user_id }) => user_id === userId))
}

describe.skipIf(missingBrowser !== "")(`the audit log in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("shows what happened to a user, with a link that shows the same, and markup stays text", () =>
      Effect.gen(function* () {
        const { person, sql } = yield* TestApi
        const user = yield* person()
        yield* Effect.orDie(
          sql`update audit_log set details = ${JSON.stringify({ reason: canary })}::jsonb where user_id = ${user.id}`
        )
        yield* asStaff(
          "viewer",
          `/users/${user.id}`,
          async (page) => {
            await page.locator("main").getByRole("link", { name: "Audit log" }).click()
            await page.getByRole("heading", { name: "Audit log" }).waitFor()
            await page.getByText(canary).first().waitFor()
            assert.strictEqual(new URL(page.url()).search, `?user_id=${user.id}`)
            assert.strictEqual(await page.locator("main img").count(), 0)
            assert.strictEqual(await page.getByRole("button", { name: "Export these entries" }).count(), 0)
            await assertPresentable(page, "audit")
            await page.getByLabel("Action").fill("no.such_action")
            await page.keyboard.press("Enter")
            await page.getByText("No entry matches.").waitFor()
            await page.goBack()
            await page.getByText(canary).first().waitFor()
            await page.getByLabel("From").fill("yesterday")
            await page.keyboard.press("Enter")
            await page.locator(".field-error").first().waitFor()
          },
          { expectedTroubles: /^(?:401|422) for/ }
        )
      })
    )

    it.effect("is exported by admins into the file that they choose, with the same selection", () =>
      Effect.gen(function* () {
        const user = yield* (yield* TestApi).person()
        yield* asStaff("admin", `/audit?user_id=${user.id}`, async (page) => {
          await withFilePicker(page)
          await exportButton(page).click()
          await page.getByText(/^The export is complete: [\d.,]+ K?i?B\.$/).waitFor()
          assertEntriesOf(user.id, await contentOfFile(page))
          await assertPresentable(page, "audit-exported")
        })
      })
    )

    it.effect("is downloaded where browsers cannot write into a file", () =>
      Effect.gen(function* () {
        const user = yield* (yield* TestApi).person()
        yield* asStaff("admin", `/audit?user_id=${user.id}`, async (page) => {
          await withoutFilePicker(page)
          const download = page.waitForEvent("download")
          await exportButton(page).click()
          assertEntriesOf(user.id, await readFile(await (await download).path(), "utf8"))
        })
      })
    )

    it.effect("leaves no file, and says so, if the export is not completed", () =>
      Effect.gen(function* () {
        const cut = yield* behindCuttingProxy("/api/v1/admin/audit/export/")
        const downloads: Array<string> = []
        yield* asStaff(
          "admin",
          "/audit",
          async (page) => {
            page.on("download", (download) => downloads.push(download.suggestedFilename()))
            for (const choose of [withoutFilePicker, withFilePicker]) {
              await page.reload()
              await choose(page)
              await exportButton(page).click()
              await page
                .getByText(
                  "The export was not completed. A new file was not kept, and an existing file was not changed."
                )
                .waitFor()
            }
            assert.isUndefined(await contentOfFile(page))
            await page.evaluate(writeOldFile)
            await exportButton(page).click()
            await page.getByRole("button", { name: "Exporting …" }).waitFor()
            await page.getByText("The export was not completed.").waitFor()
            assert.strictEqual(await contentOfFile(page), "old")
            await assertPresentable(page, "audit-export-failed")
          },
          { expectedTroubles: /^401 for|ERR_INCOMPLETE_CHUNKED_ENCODING/ }
        ).pipe(Effect.provideService(TestApi, cut))
        assert.deepStrictEqual(downloads, [])
      })
    )

    it.effect("says that the service is unavailable, and shows the entries once it is back", () =>
      Effect.gen(function* () {
        const outage = yield* outageOf("audit_log")
        yield* asStaff(
          "viewer",
          "/",
          async (page, { id }) => {
            await Effect.runPromise(outage.begin)
            await page.goto(`/admin/audit?user_id=${id}`)
            await page.getByText("Loading …").waitFor()
            await page
              .getByRole("alert")
              .getByText(/Try again/)
              .waitFor()
            await assertPresentable(page, "audit-unavailable")
            await Effect.runPromise(outage.end)
            await page.getByRole("button", { name: "Try again" }).click()
            await page.getByRole("cell").first().waitFor()
          },
          { expectedTroubles: /^(?:401|503) for/ }
        )
      })
    )

    it.effect("asks for no export if no file was chosen", () =>
      asStaff("admin", "/audit", async (page) => {
        const requests: Array<string> = []
        page.on("request", (request) => requests.push(request.url()))
        await page.evaluate(
          "window.showSaveFilePicker = () => Promise.reject(new DOMException('The user aborted a request.', 'AbortError'))"
        )
        await exportButton(page).click()
        await page.getByRole("button", { name: "Export these entries" }).waitFor()
        assert.deepStrictEqual(requests, [])
        assert.strictEqual(await page.getByRole("alert").count(), 0)
      })
    )
  })
})
