import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, layerReal, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary } from "./ConsolePage.ts"
import { withLockedTable } from "./LockedTable.ts"

describe.skipIf(missingBrowser !== "")(`the search in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("the search finds users by address, id and filter, and its link shows the same again", () =>
      Effect.gen(function* () {
        const user = yield* (yield* TestApi).person()
        yield* asStaff(
          "viewer",
          "/",
          async (page) => {
            const found = page.getByRole("link", { name: user.email })
            for (const text of [user.email.toUpperCase(), user.id, user.email.slice(0, 12)]) {
              await page.getByLabel("Search").fill(text)
              await page.keyboard.press("Enter")
              await page.waitForURL(({ hash }) => decodeURIComponent(hash) === `#${text}`)
              await found.waitFor()
            }
            await assertPresentable(page, "search")
            assert.notInclude(new URL(page.url()).search, user.email.slice(0, 12))
            await page.reload()
            await found.waitFor()
            await page.getByLabel("State").selectOption("disabled")
            await page.getByText("No user matches.").waitFor()
            await page.getByLabel("State").selectOption("unverified")
            await found.waitFor()
            await page.goBack()
            await page.getByText("No user matches.").waitFor()
            await page.goForward()
            await found.click()
            await page.getByRole("heading", { name: "Sessions" }).waitFor()
            await page.goto(`/admin/users/${absentId}`)
            await page.getByRole("heading", { name: "Nothing here" }).waitFor()
          },
          { expectedTroubles: /^(?:401|404) for/ }
        )
      })
    )

    it.effect("the search sorts by keyboard and goes on with the next page", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        yield* Effect.orDie(sql`
          insert into users (id, email, username, password_hash, is_active, is_verified, created_at, updated_at)
          select gen_random_uuid(), 'zz' || lpad(n::text, 3, '0') || '@example.net', 'zz' || n, '!', true, true, now(), now()
          from generate_series(1, 60) n`)
        yield* asStaff("viewer", "/#zz", async (page) => {
          const rows = page.locator("tbody tr")
          await rows.first().waitFor()
          assert.strictEqual(await rows.count(), 50)
          await page.getByRole("button", { name: "More users" }).focus()
          await page.keyboard.press("Enter")
          await rows.nth(59).waitFor()
          assert.strictEqual(await page.getByRole("button", { name: "More users" }).count(), 0)
          await page.getByRole("link", { name: "E-mail address" }).focus()
          await page.keyboard.press("Enter")
          await page
            .getByRole("columnheader", { name: "E-mail address" })
            .and(page.locator("[aria-sort=descending]"))
            .waitFor()
          await page.getByText("zz060@example.net").waitFor()
          assert.include(await rows.first().innerText(), "zz060@example.net")
        })
      })
    )

    it.effect("markup in an address, a username or the text of a search stays text", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        yield* Effect.orDie(sql`
          insert into users (id, email, username, password_hash, is_active, is_verified, created_at, updated_at)
          values (gen_random_uuid(), ${`xy${canary}@example.net`}, ${`xy${canary}`}, '!', true, true, now(), now())`)
        yield* asStaff("viewer", "/#xy", async (page) => {
          const row = page.locator("tbody tr", { hasText: `xy${canary}@example.net` })
          await row.waitFor()
          assert.include(await row.locator("[data-title=Username]").innerText(), canary)
          await page.getByLabel("Search").fill(canary)
          await page.keyboard.press("Enter")
          await page.getByText("No user matches.").waitFor()
          assert.strictEqual(await page.locator("main img").count(), 0)
          await assertPresentable(page, "search-empty")
        })
      })
    )
  })
})

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(missingBrowser !== "" || databaseUrl === "" || redisUrl === "")(
  "the search in the console while the database does not answer",
  { timeout: 120_000 },
  () => {
    it.layer(Layer.merge(layerReal(databaseUrl, redisUrl), Chromium.layer), { excludeTestServices: true })((it) => {
      it.effect("shows that it loads, and then that the service is unavailable", () =>
        Effect.gen(function* () {
          const { sql } = yield* TestApi
          yield* asStaff(
            "viewer",
            "/",
            (page) =>
              withLockedTable(sql, "deliveries", async (unlock) => {
                // Only the search for an exact value reads the table.
                await page.getByLabel("Search").fill("order-1815")
                await page.keyboard.press("Enter")
                await page.getByText("Loading …").waitFor()
                await page.getByRole("alert").waitFor({ timeout: 60_000 })
                assert.match(await page.getByRole("alert").innerText(), /not available[^]*Try again in \d+ seconds?\./)
                await assertPresentable(page, "search-unavailable")
                await unlock()
                await page.getByRole("button", { name: "Try again" }).click()
                await page.getByText("No user matches.").waitFor()
              }),
            { expectedTroubles: /^(?:401|503) for/ }
          )
        })
      )
    })
  }
)
