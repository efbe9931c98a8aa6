import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, layerReal, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary } from "./ConsolePage.ts"
import { withLockedTable } from "./LockedTable.ts"
import { report, resolve, withSender } from "./Notifications.ts"

const pathOf = (notificationId: string) => `/deliveries?notification_id=${encodeURIComponent(notificationId)}`

/**
 * A notification that was first denied, then allowed, sent and bounced by e-mail, and deferred by push. Its id and the errors have
 * markup.
 */
const fullNotification = Effect.gen(function* () {
  const { person, send } = yield* TestApi
  const user = yield* person({ push_token: `token-${randomUUID()}` })
  const set = (body: Readonly<Record<string, unknown>>) =>
    send("PATCH", "/api/v1/users/preferences/", { token: user.access, body })
  const id = `order/${canary}?&${randomUUID()}`
  const delivery = { notification_id: id, user_id: user.id, category: "marketing" }
  yield* set({ email_marketing: false, push_marketing: true })
  assert.strictEqual(yield* resolve({ ...delivery, channel: "email" }), "deny")
  yield* set({ email_marketing: true })
  assert.strictEqual(yield* resolve({ ...delivery, channel: "email" }), "allow")
  yield* set({ do_not_disturb_start: "22:00", do_not_disturb_end: "07:00" })
  const night = new Date(Date.now() + 86_400_000).toISOString().replace(/T.*/, "T23:30:00Z")
  assert.strictEqual(yield* resolve({ ...delivery, channel: "push", at: night }), "defer")
  for (const status of ["sent", "bounced"]) {
    yield* report({
      notification_id: id,
      channel: "email",
      status,
      provider: "ses",
      ...(status === "bounced" ? { error: `550 ${canary}`, error_code: "5.1.1", bounce_type: "hard" } : {})
    })
  }
  return { id, user }
})

describe.skipIf(missingBrowser !== "")(`deliveries in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(withSender), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("a viewer reads each decision as it was made, and the statuses that came, and markup stays text", () =>
      Effect.gen(function* () {
        const { id, user } = yield* fullNotification
        yield* asStaff("viewer", pathOf(id), async (page) => {
          const email = page.getByRole("region", { name: "E-mail", exact: true })
          await email.getByRole("link", { name: user.email }).waitFor()
          await email.getByText(/^The address refused it: 5\.1\.1, as reported at/).waitFor()
          const statuses = email.getByRole("region", { name: "Statuses: table" }).locator("tbody tr")
          assert.deepStrictEqual(await statuses.locator(".badge").allTextContents(), ["sent", "bounced"])
          assert.include(await statuses.nth(1).innerText(), `550 ${canary}`)
          const decisions = email.locator("details")
          assert.deepStrictEqual(await decisions.locator("summary .badge").allTextContents(), ["Allowed", "Denied"])
          assert.match(await decisions.first().innerText(), /Sent that day\s+1/)
          await decisions.nth(1).locator("summary").focus()
          await page.keyboard.press("Enter")
          const denied = decisions.nth(1).locator("tr", { hasText: "category_disabled" })
          assert.match(await denied.innerText(), /stopped here[^]*E-mail: marketing\s+off/)
          assert.match(await decisions.nth(1).innerText(), /Preferences version\s+2/)

          const push = page.getByRole("region", { name: "Push notification", exact: true })
          await push.getByText("The sender has reported no status.").waitFor()
          assert.strictEqual(await push.locator("summary .badge").innerText(), "Deferred")
          assert.match(
            await push.locator("tr", { hasText: "do_not_disturb" }).innerText(),
            /stopped here[^]*22:00\s[^]*23:30:00/
          )
          assert.strictEqual(await page.locator("main img").count(), 0)
          await assertPresentable(page, "deliveries")
          await email.getByRole("link", { name: "Why now" }).click()
          await page.getByText("This marketing e-mail would not be sent.").waitFor()
          await page.getByText(/refused an e-mail for good/).waitFor()
        })
      })
    )

    it.effect("the pages of the user and of the search lead to a notification", () =>
      Effect.gen(function* () {
        const { id, user } = yield* fullNotification
        yield* asStaff("support", `/users/${user.id}`, async (page) => {
          await page.getByRole("link", { name: id, exact: true }).click()
          await page.getByRole("region", { name: "E-mail", exact: true }).waitFor()
          await page.getByRole("link", { name: user.email }).first().click()
          await page.getByRole("link", { name: `Why now: ${id}` }).click()
          await page.getByText("This marketing e-mail would not be sent.").waitFor()
          await page.goto("/admin/")
          await page.getByLabel("Search").fill(id)
          await page.keyboard.press("Enter")
          await page.getByRole("link", { name: user.email }).waitFor()
          await page.getByRole("link", { name: "what happened to it" }).click()
          await page.getByRole("region", { name: "E-mail", exact: true }).waitFor()
          assert.strictEqual(await page.locator("main img").count(), 0)
        })
      })
    )

    it.effect("ids that look like numbers stay as they are in the link", () =>
      Effect.gen(function* () {
        const { person } = yield* TestApi
        const user = yield* person()
        const ids = [`${Date.now()}`, `9007199254740993${Date.now()}`, "007", '"quoted"']
        for (const notificationId of ids) {
          yield* resolve({
            notification_id: notificationId,
            user_id: user.id,
            channel: "email",
            category: "security"
          })
        }
        yield* asStaff("viewer", "/", async (page) => {
          await page.getByRole("link", { name: "Deliveries" }).click()
          for (const notificationId of ids) {
            await page.getByLabel("Id of the notification").fill(notificationId)
            await page.keyboard.press("Enter")
            await page.waitForURL(({ searchParams }) => searchParams.get("notification_id") === notificationId)
            await page.getByRole("link", { name: user.email }).waitFor()
            await page.reload()
            await page.getByRole("link", { name: user.email }).waitFor()
            assert.strictEqual(await page.getByLabel("Id of the notification").inputValue(), notificationId)
          }
        })
      })
    )

    it.effect("the page explains itself without an id, and for an unknown id says how long refusals are kept", () =>
      asStaff("viewer", "/deliveries", async (page) => {
        await page.getByText(/^Shows what was decided on a notification/).waitFor()
        await assertPresentable(page, "deliveries-start")
        await page.getByLabel("Id of the notification").fill(canary)
        await page.keyboard.press("Enter")
        await page.getByText(/kept for 14 days, and only if its sender named it/).waitFor()
        assert.strictEqual(await page.locator("main img").count(), 0)
        await assertPresentable(page, "deliveries-empty")
        await page.getByLabel("Id of the notification").fill("n".repeat(129))
        await page.keyboard.press("Enter")
        await page.locator(".field-error").waitFor()
      })
    )

    it.effect("an erased user's delivery keeps its status, and a decision on an unknown user its rule", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const user = yield* person()
        const [erased, unknown] = [randomUUID(), randomUUID()]
        yield* resolve({ notification_id: erased, user_id: user.id, channel: "email", category: "security" })
        yield* report({ notification_id: erased, status: "delivered" })
        yield* send("DELETE", "/api/v1/users/profile/", { token: user.access, body: { password: user.password } })
        yield* resolve({ notification_id: unknown, user_id: user.id, channel: "email", category: "security" })
        yield* asStaff(
          "viewer",
          pathOf(erased),
          async (page) => {
            await page.getByText("erased since", { exact: true }).waitFor()
            await page.getByText("delivered", { exact: true }).first().waitFor()
            await page.goto(`/admin${pathOf(unknown)}`)
            await page.getByText("does not exist, or was erased").waitFor()
            await page.getByText("Denied").waitFor()
          },
          { expectedTroubles: /^(?:401|404) for/ }
        )
      })
    )
  })
})

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(missingBrowser !== "" || databaseUrl === "" || redisUrl === "")(
  "deliveries in the console while the database does not answer",
  { timeout: 120_000 },
  () => {
    it.layer(Layer.merge(layerReal(databaseUrl, redisUrl), Chromium.layer), { excludeTestServices: true })((it) => {
      it.effect("the page shows that it loads, then that the service is unavailable, and tries again by a button", () =>
        Effect.gen(function* () {
          const { sql } = yield* TestApi
          yield* asStaff(
            "viewer",
            "/",
            (page) =>
              withLockedTable(sql, "delivery_decisions", async (unlock) => {
                await page.goto(`/admin${pathOf("order-1815")}`)
                await page.getByText("Loading …").waitFor()
                await page.getByRole("alert").waitFor({ timeout: 60_000 })
                assert.match(await page.getByRole("alert").innerText(), /not available[^]*Try again in \d+ seconds?\./)
                await assertPresentable(page, "deliveries-unavailable")
                await unlock()
                await page.getByRole("button", { name: "Try again" }).click()
                await page.getByText("Nothing is recorded of a notification with this id.").waitFor()
              }),
            { expectedTroubles: /^(?:401|503) for/ }
          )
        })
      )
    })
  }
)
