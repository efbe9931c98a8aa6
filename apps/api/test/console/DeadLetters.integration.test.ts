import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import type { Page } from "playwright-core"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary } from "./ConsolePage.ts"
import { outageOf } from "./Outage.ts"

interface Letter {
  readonly reason?: string
  readonly size?: number
  readonly hoursAgo?: number
}

/** Stores a dead letter with markup in each text that senders choose, and returns its id. Later letters have greater ids. */
const storeLetter = Effect.fnUntraced(function* ({ hoursAgo = 1, reason = "failed", size = 11 }: Letter = {}) {
  const { clock, sql } = yield* TestApi
  const id = `0193a5c2-${randomUUID().slice(9)}`
  const now = yield* clock.currentTimeMillis
  yield* Effect.orDie(sql`
    insert into dead_letters (id, digest, queue, reason, routing_key, message_id, headers, body, size, received_at)
    values (${id}, sha256(convert_to(${id}, 'UTF8')), ${`statuses ${canary}`}, ${reason}, ${`key ${canary}`}, ${`message ${canary}`},
      '{"x-secret": "header-secret"}', 'body-secret', ${size}, ${new Date(now - hoursAgo * 3_600_000)})`)
  return id
})

const withoutLetters = Effect.flatMap(TestApi, ({ sql }) => Effect.orDie(sql`delete from dead_letters`))

const lettersLeft = Effect.flatMap(TestApi, ({ sql }) =>
  Effect.orDie(
    sql<{ readonly id: string; readonly isRequested: boolean }>`
      select id, replay_requested_at is not null as "isRequested" from dead_letters order by id`
  )
)

const dialogOf = (page: Page) => page.getByRole("dialog")

const row = (page: Page, id: string) => page.getByRole("row").filter({ hasText: id })

describe.skipIf(missingBrowser !== "")(`dead letters in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("viewers see all but the content, without acts, and markup in texts stays text", () =>
      Effect.gen(function* () {
        yield* withoutLetters
        const cut = yield* storeLetter({ reason: `rejected ${canary}`, size: 17 * 1024 * 1024, hoursAgo: 50 })
        yield* storeLetter({ hoursAgo: 3 })
        yield* asStaff("viewer", "/", async (page) => {
          await page.getByRole("link", { name: "Dead letters" }).click()
          await row(page, cut).waitFor()
          const text = await row(page, cut).innerText()
          const shown = [`statuses ${canary}`, `key ${canary}`, `message ${canary}`, `rejected ${canary}`]
          for (const part of [...shown, "2 days ago", "17 MiB", "cut, no replay"]) assert.include(text, part)
          const main = await page.locator("main").innerText()
          assert.include(main, "3 hours ago")
          assert.notMatch(main, /header-secret|body-secret/)
          assert.strictEqual(await page.locator("main img").count(), 0)
          assert.strictEqual(await page.getByRole("link", { name: /Replay|Discard/ }).count(), 0)
          await assertPresentable(page, "dead-letters-viewer")
        })
      })
    )

    it.effect("a link to an act says to viewers that their role does not allow it", () =>
      asStaff("viewer", `/dead-letters?act=discard&target=${absentId}`, async (page) => {
        await page.getByRole("heading", { name: "Your role does not allow this" }).waitFor()
      })
    )

    it.effect("support replays and discards letters by keyboard, each with a reason in the audit log", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        yield* withoutLetters
        const replayed = yield* storeLetter()
        const discarded = yield* storeLetter()
        yield* asStaff("support", "/dead-letters", async (page, member) => {
          await page.getByRole("link", { name: `Replay: ${replayed}` }).focus()
          await page.keyboard.press("Enter")
          await dialogOf(page).waitFor()
          await dialogOf(page).getByText("A worker publishes the message to its queue again").waitFor()
          await assertPresentable(page, "dead-letter-replay")
          await page.keyboard.press("Tab")
          await dialogOf(page).getByLabel("Reason").focus()
          await page.keyboard.type(`Ticket 4711 ${canary}`)
          await page.keyboard.press("Enter")
          await page.getByText("The replay is requested.").waitFor()
          await row(page, replayed).getByText("replay requested").waitFor()
          assert.strictEqual(await page.getByRole("link", { name: `Replay: ${replayed}` }).count(), 0)
          await assertPresentable(page, "dead-letters-support")
          await page.getByRole("link", { name: `Discard: ${discarded}` }).click()
          await dialogOf(page).getByLabel("Reason").fill("Ticket 4712")
          await dialogOf(page).getByRole("button", { name: "Discard" }).click()
          await page.getByText("The message is deleted.").waitFor()
          await row(page, discarded).waitFor({ state: "detached" })
          assert.deepStrictEqual(await Effect.runPromise(Effect.provideService(lettersLeft, TestApi, api)), [
            { id: replayed, isRequested: true }
          ])
          const entries = await Effect.runPromise(
            api.sql`select action, details->>'reason' as reason from audit_log where actor_id = ${member.id} and action like 'dead%' order by id`
          )
          assert.deepStrictEqual(entries, [
            { action: "dead_letter.replay_requested", reason: `Ticket 4711 ${canary}` },
            { action: "dead_letter.discarded", reason: "Ticket 4712" }
          ])
        })
      })
    )

    it.effect("a replayed letter disappears once a worker has published it", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        yield* withoutLetters
        const id = yield* storeLetter()
        yield* Effect.orDie(sql`update dead_letters set replay_requested_at = now() where id = ${id}`)
        yield* asStaff("viewer", "/dead-letters", async (page) => {
          await row(page, id).getByText("replay requested").waitFor()
          await Effect.runPromise(sql`delete from dead_letters where id = ${id}`)
          await page.getByText("No message waits here.").waitFor()
          await assertPresentable(page, "dead-letters-empty")
        })
      })
    )

    it.effect("an act on a letter that is gone says so, and the field of the reason says what is wrong with it", () =>
      asStaff(
        "support",
        `/dead-letters?act=replay&target=${absentId}`,
        async (page) => {
          await dialogOf(page).getByLabel("Reason").fill("x")
          await dialogOf(page).getByRole("button", { name: "Replay" }).click()
          await dialogOf(page).getByText("Enter a reason of 3 to 500 characters.").waitFor()
          await dialogOf(page).getByLabel("Reason").fill("Ticket 4711")
          await dialogOf(page).getByRole("button", { name: "Replay" }).click()
          await dialogOf(page).getByText("Dead letter not found.").waitFor()
          await dialogOf(page).getByRole("button", { name: "Cancel" }).click()
          await dialogOf(page).waitFor({ state: "detached" })
          await page.waitForURL(({ search }) => search === "")
        },
        { expectedTroubles: /^(?:401|404) for/ }
      )
    )

    it.effect("the reason selects letters, by its field and by the list, and the link has it", () =>
      Effect.gen(function* () {
        yield* withoutLetters
        const failed = yield* storeLetter()
        const rejected = yield* storeLetter({ reason: "404" })
        yield* asStaff("support", "/dead-letters?reason=failed", async (page) => {
          await row(page, failed).waitFor()
          assert.strictEqual(await row(page, rejected).count(), 0)
          await page.getByRole("searchbox", { name: "Reason" }).fill("no such reason")
          await page.keyboard.press("Enter")
          await page.getByText("No dead letter has this reason.").waitFor()
          await page.getByRole("searchbox", { name: "Reason" }).fill("")
          await page.keyboard.press("Enter")
          await page.getByRole("link", { name: "Only letters with the reason 404" }).click()
          await row(page, failed).waitFor({ state: "detached" })
          assert.strictEqual(new URL(page.url()).search, "?reason=404")
          await page.reload()
          await row(page, rejected).waitFor()
          await page.getByRole("link", { name: `Discard: ${rejected}` }).click()
          await dialogOf(page).getByRole("button", { name: "Cancel" }).click()
          await page.waitForURL(({ search }) => search === "?reason=404")
        })
      })
    )

    it.effect("the list goes on with newer letters", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        yield* withoutLetters
        yield* Effect.orDie(sql`
          insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at)
          select ('0193a5c2-7b1a-7b62-a1f9-3d8e5c0b' || lpad(n::text, 4, '0'))::uuid, sha256(convert_to(n::text, 'UTF8')), 'statuses', 'failed',
            'key', '{}', '', 0, now() - interval '1 hour'
          from generate_series(1, 60) n`)
        yield* asStaff("viewer", "/dead-letters", async (page) => {
          const rows = page.locator("tbody tr")
          await rows.first().waitFor()
          assert.strictEqual(await rows.count(), 50)
          await page.getByRole("button", { name: "Newer letters" }).focus()
          await page.keyboard.press("Enter")
          await rows.nth(59).waitFor()
          assert.strictEqual(await page.getByRole("button", { name: "Newer letters" }).count(), 0)
        })
      })
    )

    it.effect("says that the service is unavailable, and shows the letters once it is back", () =>
      Effect.gen(function* () {
        yield* withoutLetters
        const id = yield* storeLetter()
        const outage = yield* outageOf("dead_letters")
        yield* outage.begin
        yield* asStaff(
          "viewer",
          "/dead-letters",
          async (page) => {
            await page.getByText("Loading …").waitFor()
            await page
              .getByRole("alert")
              .getByText(/Try again/)
              .waitFor()
            await assertPresentable(page, "dead-letters-unavailable")
            await Effect.runPromise(outage.end)
            await page.getByRole("button", { name: "Try again" }).click()
            await row(page, id).waitFor()
            assert.strictEqual(await page.getByRole("alert").count(), 0)
          },
          { expectedTroubles: /^(?:401|503) for/ }
        )
      })
    )
  })
})
