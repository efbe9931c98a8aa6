import { assert, describe, it } from "@effect/vitest"
import { DeliveryRule } from "@user-service/domain/Delivery"
import { DateTime, Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import { inject } from "vitest"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, layerReal, type Person, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary } from "./ConsolePage.ts"
import { withLockedTable } from "./LockedTable.ts"

/** A user who has switched off marketing e-mails and has quiet hours in New York. */
const quietUser = Effect.gen(function* () {
  const { person, send } = yield* TestApi
  const user = yield* person()
  yield* send("PATCH", "/api/v1/users/profile/", {
    token: user.access,
    body: { profile: { timezone: "America/New_York", first_name: "Grace", last_name: canary } }
  })
  yield* send("PATCH", "/api/v1/users/preferences/", {
    token: user.access,
    body: { email_marketing: false, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00", frequency_limit: 5 }
  })
  return user
})

const whyPath = ({ id }: Pick<Person, "id">, query: string) => `/users/${id}/why?${query}`

/** The outcomes of the rules, in order. */
const outcomes = (page: Page) =>
  page
    .locator("#rules tbody tr td[data-title=Outcome] .badge")
    .evaluateAll((badges) => badges.map(({ textContent }) => textContent))

const rowOf = (page: Page, rule: string) => page.locator("#rules tr", { has: page.getByText(rule, { exact: true }) })

describe.skipIf(missingBrowser !== "")(`why in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect(
      "a viewer is one click from the page of a user, and reads the decision, the next step and every rule",
      () =>
        Effect.gen(function* () {
          const user = yield* quietUser
          yield* asStaff("viewer", `/users/${user.id}`, async (page) => {
            await page.getByRole("link", { name: "Why not received" }).click()
            await page.getByText("This transactional e-mail would").waitFor()
            await page.getByLabel("Category").selectOption("marketing")
            await page.getByText("This marketing e-mail would not be sent.").waitFor()
            assert.strictEqual(new URL(page.url()).search, "?channel=email&category=marketing")
            await page
              .getByText(/^The user switched off marketing e-mails on .*\. The user can switch them on/)
              .waitFor()
            assert.deepStrictEqual(await outcomes(page), [
              "passed",
              "passed",
              "passed",
              "stopped here",
              ...Array<string>(5).fill("not reached")
            ])
            const rules = await page.locator("#rules tbody code").allTextContents()
            assert.deepStrictEqual(rules, [...DeliveryRule.literals])
            assert.match(await rowOf(page, "category_disabled").innerText(), /E-mail: marketing\s+off/)
            assert.match(await rowOf(page, "do_not_disturb").innerText(), /22:00\s+[^]*America\/New_York/)
            assert.match(await rowOf(page, "frequency_limit").innerText(), /Daily limit\s+5\s+Sent that day\s+0/)
            assert.strictEqual(await page.locator("main img").count(), 0)
            await assertPresentable(page, "why-denied")
            await page.getByRole("link", { name: user.email }).click()
            await page.getByRole("heading", { name: "Sessions" }).waitFor()
          })
        })
    )

    it.effect("a link with a time shows the decision at that time, and another reader sees the same", () =>
      Effect.gen(function* () {
        const user = yield* quietUser
        const now = DateTime.makeZonedUnsafe(yield* DateTime.now, { timeZone: "America/New_York" })
        const midnight = DateTime.startOf(DateTime.add(now, { days: 1 }), "day")
        const morning = DateTime.formatIso(DateTime.setParts(midnight, { hour: 7 }))
        const path = whyPath(user, `channel=email&category=system&at=${DateTime.formatIso(midnight)}`)
        for (const role of ["viewer", "support"] as const) {
          yield* asStaff(role, path, async (page) => {
            await page.getByText("This system e-mail would wait until").waitFor()
            assert.strictEqual(await page.locator(".verdict time").getAttribute("datetime"), morning)
            await page.getByRole("heading", { name: "If it were sent at this time" }).waitFor()
            assert.match(await rowOf(page, "do_not_disturb").innerText(), /stopped here\s+until[^]*00:00:00/)
            if (role === "viewer") await assertPresentable(page, "why-deferred")
            await page.getByRole("link", { name: "Now" }).click()
            await page.getByRole("heading", { name: "If it were sent now" }).waitFor()
          })
        }
      })
    )

    it.effect("the notification is chosen by keyboard, and each choice is a link of its own", () =>
      Effect.gen(function* () {
        const user = yield* quietUser
        const noon = `${DateTime.formatIsoDateUtc(DateTime.add(yield* DateTime.now, { days: 1 }))}T12:00`
        yield* asStaff("viewer", whyPath(user, "channel=push&category=security"), async (page) => {
          await page.getByText("This security push notification would not be sent.").waitFor()
          await page.getByLabel("Channel").focus()
          await page.keyboard.press("ArrowUp")
          await page.getByText("This security e-mail would be sent.").waitFor()
          await assertPresentable(page, "why-allowed")
          await page.getByLabel("Time of sending").fill(noon)
          await page.keyboard.press("Enter")
          await page.waitForURL(({ searchParams }) => searchParams.get("at") !== null)
          assert.strictEqual(await page.getByLabel("Time of sending").inputValue(), noon)
          await page.goBack()
          await page.goBack()
          await page.getByText("This security push notification would not be sent.").waitFor()
          await page.reload()
          await page.getByText("This security push notification would not be sent.").waitFor()
        })
      })
    )

    it.effect("an invalid time has an error at its field, and an unknown user is stopped by the first rule", () =>
      Effect.gen(function* () {
        const user = yield* quietUser
        yield* asStaff(
          "viewer",
          whyPath(user, "channel=email&category=system&at=yesterday"),
          async (page) => {
            await page.locator(".field-error").waitFor()
            await page.goto(`/admin${whyPath({ id: absentId }, "channel=email&category=system")}`)
            await page.getByText("This system e-mail would not be sent.").waitFor()
            await page.getByText("does not exist, or was erased").waitFor()
            assert.match(await rowOf(page, "user_unknown").innerText(), /User exists\s+no/)
            await assertPresentable(page, "why-unknown-user")
            await page.goto("/admin/users/nobody/why")
            await page.getByRole("heading", { name: "Nothing here" }).waitFor()
          },
          { expectedTroubles: /^(?:401|404) for/ }
        )
      })
    )

    it.effect("an explanation charges and records nothing", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        const user = yield* quietUser
        const recorded = Effect.orDie(sql`
          select notification_id, is_charged from deliveries where user_id = ${user.id}
          union all select notification_id, null from delivery_decisions where user_id = ${user.id}`)
        const before = yield* recorded
        yield* asStaff("admin", whyPath(user, "channel=email&category=marketing"), async (page) => {
          await page.getByText("This marketing e-mail would not be sent.").waitFor()
          await page.getByLabel("Category").selectOption("security")
          await page.getByText("This security e-mail would be sent.").waitFor()
        })
        assert.deepStrictEqual(yield* recorded, before)
      })
    )
  })
})

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(missingBrowser !== "" || databaseUrl === "" || redisUrl === "")(
  "why in the console while the database does not answer",
  { timeout: 120_000 },
  () => {
    it.layer(Layer.merge(layerReal(databaseUrl, redisUrl), Chromium.layer), { excludeTestServices: true })((it) => {
      it.effect("the page shows that it loads, then that the service is unavailable, and tries again by a button", () =>
        Effect.gen(function* () {
          const { sql } = yield* TestApi
          const user = yield* quietUser
          yield* asStaff(
            "viewer",
            "/",
            async (page) => {
              // The explanation waits for the table until its statement times out. The session of staff does not need it.
              await withLockedTable(sql, "deliveries", async (unlock) => {
                await page.goto(`/admin${whyPath(user, "channel=email&category=security")}`)
                await page.getByText("Loading …").waitFor()
                await page.getByRole("alert").waitFor({ timeout: 60_000 })
                assert.match(await page.getByRole("alert").innerText(), /not available[^]*Try again in \d+ seconds?\./)
                await assertPresentable(page, "why-unavailable")
                await unlock()
                await page.getByRole("button", { name: "Try again" }).click()
                await page.getByText("This security e-mail would be sent.").waitFor()
              })
            },
            { expectedTroubles: /^(?:401|503) for/ }
          )
        })
      )
    })
  }
)
