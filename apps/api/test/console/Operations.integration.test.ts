import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff } from "./ConsolePage.ts"

/** Replaces the recorded activity by a week of it, with an hour without samples that ends four hours ago. */
const recordWeek = Effect.gen(function* () {
  const { sql } = yield* TestApi
  yield* sql`delete from activity_minutes`
  yield* sql`
    insert into activity_minutes (minute, measure, value)
    select minute, measure, value from generate_series(1, 10080) as n
    cross join lateral (
      select date_trunc('minute', now()) - n * interval '1 minute' as minute, 1 + cos(n * pi() / 720) as day, n % 7 as noise
    ) as wave
    cross join lateral (values
      ('registrations', 3 * day + noise % 3), ('refused_logins', case when n between 20 and 28 then 240 - n else noise % 2 end),
      ('deliveries_pending', 300 * day + 13 * noise + 60), ('deliveries_sent', 290 * day + 12 * noise + 55),
      ('deliveries_delivered', 260 * day + 11 * noise + 40), ('deliveries_opened', 80 * day + 7 * noise + 10),
      ('deliveries_failed', 4 * day + noise), ('deliveries_bounced', 2 * day + noise % 2), ('deliveries_complained', (noise = 3)::int),
      ('outbox_lag_seconds', case when n between 40 and 45 then 60 * (n - 38) else noise % 2 end),
      ('events_waiting', case when n between 40 and 45 then 400 else noise end),
      ('mails_waiting', noise % 3), ('dead_letters_waiting', 12 - n / 1000)
    ) as activity (measure, value)
    where n not between 240 and 300 or measure not in ('outbox_lag_seconds', 'events_waiting', 'mails_waiting', 'dead_letters_waiting')`
})

const plot = (page: Page, title: string) => page.getByRole("region", { name: title, exact: true })
const range = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Range of the plots" }).getByRole("link", { name })
const openTable = (page: Page, title: string) => plot(page, title).getByText(`Values of ${title}`).click()
/** Waits for the table of the plot, which has as many rows. */
const awaitRows = (page: Page, title: string, count: number) =>
  plot(page, title).locator(`tbody tr:last-child:nth-child(${count})`).waitFor({ state: "attached" })

interface Readout {
  readonly index: number
  readonly isShown: boolean
}

/** The number of the chosen interval, and whether the slider and the plot have the time and the value of its row in the table. */
const readout = `(() => {
  const plot = [...document.querySelectorAll(".plot")].find((one) => one.querySelector("h3").textContent === "Refused logins")
  const input = plot.querySelector("input")
  const [time, value] = [...plot.querySelectorAll("tbody tr")[59 - input.value].cells].map((cell) => cell.textContent)
  const isShown = input.getAttribute("aria-valuetext") === time + ": Refused logins " + value &&
    plot.querySelector("header p").textContent === time && plot.querySelector(".plot-values").textContent === value
  return { index: Number(input.value), isShown }
})()`

describe.skipIf(missingBrowser !== "")(`the operations in the console${missingBrowser}`, { timeout: 180_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("say that nothing is recorded yet, and then that no worker records", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        yield* sql`delete from activity_minutes`
        yield* asStaff("viewer", "/operations", async (page) => {
          await page.getByText("Nothing is recorded yet.").waitFor()
          await page.getByText("no data").first().waitFor()
          await assertPresentable(page, "operations-empty")
        })
        yield* sql`
          insert into activity_minutes (minute, measure, value)
          values (date_trunc('minute', now()) - interval '30 minutes', 'registrations', 3)`
        yield* asStaff("viewer", "/operations", async (page) => {
          await page.getByText("No worker has recorded what waits in this time.").waitFor()
          await plot(page, "Registrations").getByText("3", { exact: true }).first().waitFor()
        })
      })
    )

    it.effect("show what waits and the activity over an hour, a day and a week, each by its link", () =>
      Effect.gen(function* () {
        const { person, sql } = yield* TestApi
        const { id } = yield* person()
        yield* recordWeek
        yield* sql`delete from outbox`
        yield* sql`
          insert into outbox (user_id, user_version, event_type, payload, created_at, set_aside_at)
          values (${id}, 1, 'Some', '{}', now() - interval '3 minutes', null), (${id}, 2, 'Some', '{}', now(), now())`
        yield* asStaff("viewer", "/", async (page) => {
          await page.getByRole("link", { name: "Operations" }).click()
          await page.getByRole("heading", { name: "Operations" }).waitFor()
          await page.getByText("1 set aside").waitFor()
          await page.getByText(/^oldest: 3 min/).waitFor()
          await plot(page, "Outbox lag").waitFor()
          assert.strictEqual(await page.locator(".plot").count(), 8)
          await openTable(page, "Outbox lag")
          await awaitRows(page, "Outbox lag", 60)
          assert.isNull(await range(page, "Day").getAttribute("aria-current"))
          assert.strictEqual(await range(page, "Hour").getAttribute("aria-current"), "page")
          await range(page, "Day").click()
          await plot(page, "Outbox lag").locator(".gap").waitFor({ state: "attached" })
          await openTable(page, "Outbox lag")
          await awaitRows(page, "Outbox lag", 96)
          assert.strictEqual(new URL(page.url()).search, "?range=day")
          assert.strictEqual(await plot(page, "Outbox lag").locator(".gap").count(), 1)
          assert.strictEqual(await plot(page, "Registrations").locator(".gap").count(), 0)
          await assertPresentable(page, "operations-day")
          await page.goto(`/admin/operations?range=week`)
          await plot(page, "Outbox lag").waitFor()
          await openTable(page, "Deliveries")
          await awaitRows(page, "Deliveries", 168)
          assert.isNull(await range(page, "Hour").getAttribute("aria-current"))
          assert.strictEqual(await range(page, "Week").getAttribute("aria-current"), "page")
          await assertPresentable(page, "operations-week")
          await page.goBack()
          await openTable(page, "Registrations")
          await awaitRows(page, "Registrations", 96)
          await page.goto(`/admin/operations?range=year`)
          await plot(page, "Outbox lag").waitFor()
          await openTable(page, "Deliveries")
          await awaitRows(page, "Deliveries", 60)
        })
      })
    )

    it.effect("have the values of an interval for the pointer and the keyboard, of all plots at once", () =>
      Effect.gen(function* () {
        yield* recordWeek
        yield* asStaff("viewer", "/operations", async (page) => {
          const slider = page.getByRole("slider", { name: "Refused logins: time" })
          await openTable(page, "Refused logins")
          await slider.focus()
          await page.keyboard.press("Home")
          assert.deepStrictEqual(await page.evaluate<Readout>(readout), { index: 0, isShown: true })
          await page.keyboard.press("ArrowRight")
          await page.keyboard.press("ArrowRight")
          assert.deepStrictEqual(await page.evaluate<Readout>(readout), { index: 2, isShown: true })
          await page.keyboard.press("End")
          assert.deepStrictEqual(await page.evaluate<Readout>(readout), { index: 59, isShown: true })
          assert.strictEqual(await page.locator(".plot .cursor").count(), 8)
          await assertPresentable(page, "operations-hour")
          await page.keyboard.press("Escape")
          assert.strictEqual(await page.locator(".plot .cursor").count(), 0)
          const box = await plot(page, "Refused logins").locator(".plot-frame svg").boundingBox()
          await page.mouse.move((box?.x ?? 0) + 60, (box?.y ?? 0) + 60)
          assert.deepStrictEqual(await page.evaluate<Readout>(readout), { index: 0, isShown: true })
          assert.strictEqual(await page.locator(".plot .cursor").count(), 8)
          await page.mouse.move(5, 5)
          await page.locator(".plot .cursor").first().waitFor({ state: "detached" })
        })
      })
    )

    it.effect("are not read again while nobody uses the page, so that its session can end, until somebody does", () =>
      Effect.gen(function* () {
        yield* recordWeek
        yield* asStaff("viewer", "/", async (page) => {
          const notice = page.getByText("nobody has used this page for 5 minutes")
          const requests: Array<string> = []
          page.on("request", (request) => requests.push(request.url()))
          await page.clock.install()
          await page.getByRole("link", { name: "Operations" }).click()
          await plot(page, "Outbox lag").waitFor()
          for (const minutes of [3, 3]) {
            await page.mouse.move(minutes + requests.length, 300)
            const read = page.waitForResponse("**/api/v1/admin/outbox/")
            await page.clock.fastForward(minutes * 60_000)
            await read
          }
          assert.strictEqual(await notice.count(), 0)
          await page.clock.fastForward(3 * 60_000)
          await notice.waitFor()
          await assertPresentable(page, "operations-paused")
          await page.waitForLoadState("networkidle")
          requests.length = 0
          await page.clock.runFor(60 * 60_000)
          await page.mouse.move(20, 320)
          await page.context().setOffline(true)
          await page.context().setOffline(false)
          await page.clock.runFor(60_000)
          assert.deepStrictEqual(requests, [])
          const read = page.waitForResponse("**/api/v1/admin/outbox/")
          const plotted = page.waitForResponse("**/api/v1/admin/activity/**")
          await page.getByRole("button", { name: "Refresh" }).click()
          await read
          await plotted
          await notice.waitFor({ state: "detached" })
          const readAgain = page.waitForResponse("**/api/v1/admin/outbox/")
          await page.clock.fastForward(10_000)
          await readAgain
        })
      })
    )

    it.effect("keep what was read, and say so, while the service fails", () =>
      Effect.gen(function* () {
        yield* recordWeek
        yield* asStaff(
          "viewer",
          "/operations",
          async (page) => {
            await plot(page, "Outbox lag").waitFor()
            await page.getByText(/^Read at/).waitFor()
            await page.route("**/api/v1/admin/outbox/", (route) => route.fulfill({ status: 503, body: "" }))
            await page.getByText(/^Last read at/).waitFor({ timeout: 60_000 })
            await page.getByRole("alert").waitFor()
            assert.strictEqual(await page.locator(".tile").count(), 4)
            await page.unroute("**/api/v1/admin/outbox/")
            await page.getByText(/^Read at/).waitFor()
            await page.route("**/api/v1/admin/outbox/", (route) => route.fulfill({ status: 403, body: "" }))
            await page.getByRole("heading", { name: "Your role does not allow this" }).waitFor({ timeout: 30_000 })
          },
          { expectedTroubles: /^(?:401|403|503) for/ }
        )
      })
    )
  })
})
