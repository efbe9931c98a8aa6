import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { asStaff } from "./ConsolePage.ts"
import { resolve, withSender } from "./Notifications.ts"

const readme = readFileSync(join(import.meta.dirname, "../../../console/README.md"), "utf8")

/** The rows of the table that compares consoles: the act, and how many clicks it takes in this one. */
const rows = new Map(
  Array.from(readme.matchAll(/^\| ([^|]+) \| (\d) \|/gm), ([, act = "", clicks]) => [act.trim(), Number(clicks)])
)

// A key that submits a form makes a click on its button, which has no detail.
const counter = `
  window.clicks = 0
  // The dialog of the browser for files cannot be tested.
  delete window.showSaveFilePicker
  addEventListener("click", (event) => { if (event.detail > 0) window.clicks += 1 }, true)`

/** What the acts are on. */
interface Subject {
  readonly email: string
  readonly letterId: string
  readonly deviceToken: string
  readonly notificationId: string
}

const search = async (page: Page, text: string) => {
  await page.getByLabel("Search").fill(text)
  await page.keyboard.press("Enter")
}

const open = async (page: Page, { email }: Subject) => {
  await search(page, email)
  await page.getByRole("link", { name: email }).click()
  await page.getByRole("heading", { name: "Sessions" }).waitFor()
}

/** Performs an act on a user, from the first page of the console. */
const perform =
  (
    link: RegExp | string,
    button: string,
    values: (subject: Subject) => Readonly<Record<string, string>> = () => ({})
  ) =>
  async (page: Page, subject: Subject) => {
    await open(page, subject)
    await page.locator("main").getByRole("link", { name: link }).first().click()
    const dialog = page.getByRole("dialog")
    for (const [label, value] of Object.entries(values(subject))) await dialog.getByLabel(label).fill(value)
    await dialog.getByLabel("Reason").fill("Ticket 4711")
    await dialog.getByRole("button", { name: button }).click()
    await page.locator("output.done").waitFor()
  }

/** Each daily act, from the first page of the console. */
const acts: Readonly<Record<string, (page: Page, subject: Subject) => Promise<void>>> = {
  "Find a user by e-mail address": async (page, { email }) => {
    await search(page, email)
    await page.getByRole("link", { name: email }).waitFor()
  },
  "Find the user of a device": async (page, { deviceToken, email }) => {
    await search(page, deviceToken)
    await page.getByRole("link", { name: email }).waitFor()
  },
  "Find the user of a notification": async (page, { email, notificationId }) => {
    await search(page, notificationId)
    await page.getByRole("link", { name: email }).waitFor()
  },
  "Why a notification was not sent": async (page, { notificationId }) => {
    await page.getByRole("link", { name: "Deliveries" }).click()
    await page.getByLabel("Id of the notification").fill(notificationId)
    await page.keyboard.press("Enter")
    await page.getByText("Denied").waitFor()
  },
  "Why a user would not get one now": async (page, subject) => {
    await open(page, subject)
    await page.getByRole("link", { name: "Why not received" }).click()
    await page.getByText(/^This transactional e-mail would/).waitFor()
  },
  "End a session": perform(/^End: /, "End session"),
  "End all sessions of a user": perform("End all sessions", "End all sessions"),
  "Disable a user": perform("Disable", "Disable"),
  "Send a password reset": perform("Send password reset", "Send password reset"),
  "Change an e-mail address": perform("Change e-mail address", "Change e-mail address", () => ({
    "New e-mail address": `${randomUUID()}@example.com`
  })),
  "Lift a suppression": perform("Lift suppressions", "Lift suppressions"),
  "Change a preference": perform("Turn off: E-mail: system", "Change setting"),
  "Search the audit log on a user": async (page, subject) => {
    await open(page, subject)
    await page.locator("main").getByRole("link", { name: "Audit log" }).click()
    await page.locator("tbody tr").first().waitFor()
  },
  "Give a role": async (page, subject) => {
    await open(page, subject)
    await page.getByRole("link", { name: "Change role" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByLabel("Role").selectOption("viewer")
    await dialog.getByLabel("Reason").fill("Ticket 4711")
    await dialog.getByRole("button", { name: "Change role" }).click()
    await page.locator("output.done").waitFor()
  },
  "Replay a dead letter": async (page, { letterId }) => {
    await page.getByRole("link", { name: "Dead letters" }).click()
    await page.getByRole("link", { name: `Replay: ${letterId}` }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByLabel("Reason").fill("Ticket 4711")
    await dialog.getByRole("button", { name: "Replay" }).click()
    await page.getByText("The replay is requested.").waitFor()
  },
  "Export the audit log": async (page) => {
    await page.getByRole("link", { name: "Audit log" }).click()
    const download = page.waitForEvent("download")
    await page.getByRole("button", { name: "Export these entries" }).click()
    await download
  },
  "Erase a user": perform("Erase", "Erase", ({ email }) => ({ "E-mail address of the user": email })),
  // The last one, because it ends the session of the console too.
  "End the sessions of all users": async (page) => {
    await page.getByRole("link", { name: "All sessions" }).click()
    await page.getByLabel("Whose sessions").fill("all users")
    await page.getByLabel("Reason").fill("Incident 12")
    await page.getByRole("button", { name: "End the sessions of all users" }).click()
    await page.getByRole("button", { name: "Sign in" }).waitFor()
  }
}

describe.skipIf(missingBrowser !== "")(`the daily acts in the console${missingBrowser}`, { timeout: 240_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(withSender), Chromium.layer), { excludeTestServices: true })((it) => {
    const newSubject = Effect.gen(function* () {
      const { person, send, sql } = yield* TestApi
      const deviceToken = `token-${randomUUID()}`
      const user = yield* person({ push_token: deviceToken })
      yield* send("PATCH", "/api/v1/users/preferences/", { token: user.access, body: { email_marketing: false } })
      const notificationId = randomUUID()
      yield* resolve({
        notification_id: notificationId,
        user_id: user.id,
        channel: "email",
        category: "marketing"
      })
      yield* Effect.orDie(sql`
        insert into suppressions (user_id, email, reason, created_at)
        values (${user.id}, ${user.email}, 'hard_bounce', now())`)
      const letterId = randomUUID()
      yield* Effect.orDie(sql`
        insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at)
        values (${letterId}, sha256(convert_to(${letterId}, 'UTF8')), 'user-service.notification-status', 'failed',
          'status', '{}', 'x', 1, now())`)
      return { email: user.email, deviceToken, letterId, notificationId } satisfies Subject
    })

    it.effect("take as many clicks as the README of the console says, and at most three", () =>
      Effect.gen(function* () {
        const subjects = yield* Effect.forEach(Object.keys(acts), (name) =>
          Effect.map(newSubject, (subject) => [name, subject] as const)
        )
        yield* asStaff("admin", "/", async (page) => {
          await page.addInitScript(counter)
          const clicks = new Map<string, number>()
          for (const [name, subject] of subjects) {
            await page.goto("/admin/")
            await acts[name]?.(page, subject)
            clicks.set(name, await page.evaluate<number>("window.clicks"))
          }
          assert.deepStrictEqual(Object.fromEntries(clicks), Object.fromEntries(rows))
          assert.isAtMost(Math.max(...clicks.values()), 3)
        })
      })
    )
  })
})
