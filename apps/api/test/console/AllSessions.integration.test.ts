import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary, enterCredentials } from "./ConsolePage.ts"
import { outageOf } from "./Outage.ts"

describe.skipIf(missingBrowser !== "")(
  `the end of all sessions in the console${missingBrowser}`,
  { timeout: 120_000 },
  () => {
    it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
      it.effect("is not offered to viewers and support, and its link says that their role does not allow it", () =>
        Effect.gen(function* () {
          for (const role of ["viewer", "support"] as const) {
            yield* asStaff(role, "/end-all-sessions", async (page) => {
              await page.getByRole("heading", { name: "Your role does not allow this" }).waitFor()
              assert.strictEqual(await page.getByRole("link", { name: "All sessions" }).count(), 0)
            })
          }
        })
      )

      it.effect("needs the words and a reason, ends the sessions of all, and signs out", () =>
        Effect.gen(function* () {
          const { person, send, sql } = yield* TestApi
          const user = yield* person()
          const profile = () => Effect.runPromise(send("GET", "/api/v1/users/profile/", { token: user.access }))
          yield* asStaff(
            "admin",
            "/",
            async (page, member) => {
              await page.getByRole("link", { name: "All sessions" }).click()
              await page.getByText("Ends every session of every user at once").waitFor()
              await assertPresentable(page, "all-sessions")
              const end = page.getByRole("button", { name: "End the sessions of all users" })
              await page.getByLabel("Whose sessions").fill("everybody")
              await page.getByLabel("Reason").fill("x")
              await end.click()
              await page.getByText('Enter "all users".').waitFor()
              await page.getByText("Enter a reason of 3 to 500 characters.").waitFor()
              await assertPresentable(page, "all-sessions-refused")
              assert.strictEqual((await profile()).status, 200)
              await page.getByLabel("Whose sessions").fill("all users")
              await page.getByLabel("Reason").fill(`Incident 12 ${canary}`)
              await end.click()
              await page.getByText("All sessions of all users have ended, also yours.").waitFor()
              await assertPresentable(page, "all-sessions-ended")
              assert.strictEqual((await profile()).status, 401)
              const entries = await Effect.runPromise(
                sql`select actor_id, details->>'reason' as reason from audit_log where action = 'session.all_ended'`
              )
              assert.deepStrictEqual(entries, [{ actor_id: member.id, reason: `Incident 12 ${canary}` }])
              await page.goto("/admin/audit")
              await enterCredentials(page, member)
              await page.getByText(canary).first().waitFor()
              assert.strictEqual(await page.locator("main img").count(), 0)
            },
            { expectedTroubles: /^(?:401|422) for/ }
          )
        })
      )

      it.effect("can be left without doing anything", () =>
        asStaff("admin", "/end-all-sessions", async (page) => {
          await page.getByRole("button", { name: "Cancel" }).click()
          await page.getByRole("heading", { name: "Users" }).waitFor()
        })
      )

      it.effect("says that the service is unavailable, and keeps what was entered", () =>
        Effect.gen(function* () {
          const outage = yield* outageOf("session_cutoff")
          yield* asStaff(
            "admin",
            "/end-all-sessions",
            async (page) => {
              await page.getByLabel("Whose sessions").fill("all users")
              await page.getByLabel("Reason").fill("Incident 12")
              await Effect.runPromise(outage.begin)
              await page.getByRole("button", { name: "End the sessions of all users" }).click()
              await page
                .getByRole("alert")
                .getByText(/Try again/)
                .waitFor()
              assert.strictEqual(await page.getByLabel("Reason").inputValue(), "Incident 12")
            },
            { expectedTroubles: /^(?:401|503) for/ }
          )
        })
      )
    })
  }
)
