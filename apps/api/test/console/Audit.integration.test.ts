import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFile } from "node:fs/promises"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff } from "./ConsolePage.ts"

const canary = "<img src=x onerror=alert(1)>"

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

    it.effect("is exported by admins, with the same selection", () =>
      Effect.gen(function* () {
        const user = yield* (yield* TestApi).person()
        yield* asStaff("admin", `/audit?user_id=${user.id}`, async (page) => {
          const download = page.waitForEvent("download")
          await page.getByRole("button", { name: "Export these entries" }).click()
          const text = await readFile(await (await download).path(), "utf8")
          const entries = text
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line))
          assert.isAtLeast(entries.length, 1)
          assert.isTrue(entries.every(({ user_id }) => user_id === user.id))
        })
      })
    )
  })
})
