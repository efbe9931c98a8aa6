import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import { staff } from "../admin/Staff.ts"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { absentId } from "../edge/Routes.ts"
import { freshEmail, layerEmbedded, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary } from "./ConsolePage.ts"
import { outageOf } from "./Outage.ts"

const dialogOf = (page: Page) => page.getByRole("dialog")

const row = (page: Page, email: string) => page.getByRole("row").filter({ hasText: email })

/** The members of staff with the role, as the page lists them. */
const members = (page: Page, title: string) => page.getByRole("region", { name: title, exact: true })

const perform = async (page: Page, button: string) => {
  await dialogOf(page).getByLabel("Reason").fill("Ticket 4711")
  await dialogOf(page).getByRole("button", { name: button }).click()
  await dialogOf(page).waitFor({ state: "detached" })
}

describe.skipIf(missingBrowser !== "")(`the staff in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    /** The acts in the audit log on the user, the oldest first. */
    const actsOn = (userId: string) =>
      Effect.flatMap(TestApi, ({ sql }) =>
        Effect.orDie(
          sql<Record<string, unknown>>`
            select action, actor_id, details->>'reason' as reason from audit_log
            where user_id = ${userId} and actor_id is distinct from ${userId} order by id`
        )
      )

    const roleOf = (userId: string) =>
      Effect.flatMap(TestApi, ({ sql }) =>
        Effect.map(
          Effect.orDie(sql<{ readonly role: unknown }>`select role from users where id = ${userId}`),
          ([user]) => user?.role
        )
      )

    it.effect("viewers and support see who has which role, what each role may do, and no act", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        const [admin, support] = [yield* staff("admin"), yield* staff("support")]
        yield* Effect.orDie(sql`update users set username = ${canary}, is_active = false where id = ${support.id}`)
        for (const role of ["viewer", "support"] as const) {
          yield* asStaff(role, "/", async (page, member) => {
            await page.getByRole("link", { name: "Staff" }).click()
            await members(page, "Admins").getByText(admin.email).waitFor()
            const text = await row(page, support.email).innerText()
            assert.include(text, canary)
            assert.include(text, "disabled")
            await row(page, member.email).getByText("you", { exact: true }).waitFor()
            await members(page, "What each role may do").getByText("Change nothing.").waitFor()
            assert.strictEqual(await page.locator("main img").count(), 0)
            assert.strictEqual(await page.getByRole("link", { name: /Change role|Invite|All sessions/ }).count(), 0)
            if (role === "viewer") await assertPresentable(page, "staff-viewer")
          })
        }
      })
    )

    it.effect("a link to an act says to support that their role does not allow it", () =>
      Effect.gen(function* () {
        for (const search of ["act=invite", `act=role&target=${absentId}`]) {
          yield* asStaff("support", `/staff?${search}`, async (page) => {
            await page.getByRole("heading", { name: "Your role does not allow this" }).waitFor()
          })
        }
      })
    )

    it.effect("a link with an invalid part keeps its other parts, on all pages with a selection", () =>
      asStaff("viewer", "/staff?role=support&act=x&sort=x", async (page) => {
        await members(page, "Support").waitFor()
        assert.strictEqual(await members(page, "Admins").count(), 0)
        await page.goto("/admin/?role=support&state=x&sort=x&notice=x")
        await page.getByRole("heading", { name: "Users" }).waitFor()
        assert.strictEqual(await page.getByRole("combobox", { name: "Role" }).inputValue(), "support")
        await page.getByRole("region", { name: "Users: table" }).or(page.getByText("No user matches.")).waitFor()
        await page.goto(`/admin/dead-letters?reason=failed&act=x&target=${absentId}`)
        await page.getByRole("heading", { name: "Dead letters" }).waitFor()
        assert.strictEqual(await page.getByRole("searchbox", { name: "Reason" }).inputValue(), "failed")
      })
    )

    it.effect("the list is sorted by keyboard and selected by role, and the link has both", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* staff("support"), yield* staff("support")].toSorted((a, b) =>
          a.email < b.email ? -1 : 1
        )
        yield* asStaff("viewer", "/staff?role=support", async (page) => {
          const emails = async () => {
            const texts = await members(page, "Support").locator("tbody tr").allInnerTexts()
            return texts.flatMap((text) => [first?.email, second?.email].filter((email) => text.includes(email ?? "?")))
          }
          await row(page, second?.email ?? "").waitFor()
          assert.strictEqual(await members(page, "Admins").count(), 0)
          assert.deepStrictEqual(await emails(), [first?.email, second?.email])
          await page.getByRole("link", { name: "E-mail address" }).focus()
          await page.keyboard.press("Enter")
          await page.locator("th[aria-sort=descending]").waitFor()
          await row(page, first?.email ?? "").waitFor()
          assert.deepStrictEqual(await emails(), [second?.email, first?.email])
          assert.strictEqual(new URL(page.url()).search, "?role=support&sort=-email")
          await page.getByRole("combobox", { name: "Role" }).selectOption("any")
          await members(page, "Admins").waitFor()
          assert.strictEqual(new URL(page.url()).search, "?sort=-email")
        })
      })
    )

    it.effect("admins change and take away roles, but not their own", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const other = yield* staff("viewer")
        yield* asStaff("admin", "/staff", async (page, member) => {
          await row(page, other.email).waitFor()
          assert.strictEqual(
            await row(page, member.email)
              .getByRole("link", { name: /Change role/ })
              .count(),
            0
          )
          await assertPresentable(page, "staff-admin")
          await page.getByRole("link", { name: `Change role: ${other.email}` }).focus()
          await page.keyboard.press("Enter")
          await dialogOf(page).getByText(`${other.email} has the role viewer.`).waitFor()
          await assertPresentable(page, "staff-role")
          await dialogOf(page).getByLabel("Role").selectOption("support")
          await perform(page, "Change role")
          await page.getByText(`${other.email} has the role support.`).waitFor()
          await members(page, "Support").getByText(other.email).waitFor()
          await page.getByRole("link", { name: `Change role: ${other.email}` }).click()
          await dialogOf(page).getByLabel("Role").selectOption("no role")
          await perform(page, "Change role")
          await page.getByText(`${other.email} has no role any more.`).waitFor()
          await row(page, other.email).waitFor({ state: "detached" })
          assert.isNull(await Effect.runPromise(Effect.provideService(roleOf(other.id), TestApi, api)))
          const change = { action: "user.role_changed", actor_id: member.id, reason: "Ticket 4711" }
          assert.deepStrictEqual(await Effect.runPromise(Effect.provideService(actsOn(other.id), TestApi, api)), [
            change,
            change
          ])
        })
      })
    )

    it.effect("admins invite a user, who gets a mail, and give them a role", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const email = freshEmail()
        yield* asStaff("admin", "/staff", async (page) => {
          await page.getByRole("link", { name: "Invite a user" }).click()
          await dialogOf(page).getByLabel("E-mail address").fill("nobody")
          await dialogOf(page).getByLabel("Reason").fill("Ticket 4711")
          await dialogOf(page).getByRole("button", { name: "Invite a user" }).click()
          await dialogOf(page).locator(".field-error").waitFor()
          await assertPresentable(page, "staff-invite")
          await dialogOf(page).getByLabel("E-mail address").fill(email)
          await dialogOf(page).getByLabel("First name").fill(`Grace ${canary}`)
          await perform(page, "Invite a user")
          await page.getByText(`${email} is invited.`).waitFor()
          await page.getByRole("link", { name: "Give them a role" }).click()
          await dialogOf(page).getByText(`${email} has no role.`).waitFor()
          await dialogOf(page).getByLabel("Role").selectOption("viewer")
          await perform(page, "Change role")
          await members(page, "Viewers").getByText(email).waitFor()
          const mails = await Effect.runPromise(
            api.sql`select 1 from mail_outbox where payload::text like ${`%${email}%`}`
          )
          assert.strictEqual(mails.length, 1)
        })
      })
    )

    it.effect("admins give a role on the page of a user, but are not offered to change their own there", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const user = yield* api.person()
        yield* asStaff("admin", `/users/${user.id}`, async (page, member) => {
          await page.getByRole("link", { name: "Change role" }).click()
          await dialogOf(page).getByText(`${user.email} has no role.`).waitFor()
          await dialogOf(page).getByLabel("Role").selectOption("admin")
          await perform(page, "Change role")
          await page.getByText(`${user.email} has the role admin.`).waitFor()
          assert.strictEqual(await Effect.runPromise(Effect.provideService(roleOf(user.id), TestApi, api)), "admin")
          await page.goto(`/admin/users/${member.id}`)
          await page.getByRole("link", { name: "Edit name and phone" }).waitFor()
          assert.strictEqual(await page.getByRole("link", { name: "Change role" }).count(), 0)
        })
        yield* asStaff("support", `/users/${user.id}`, async (page) => {
          await page.getByRole("heading", { name: "Sessions" }).waitFor()
          assert.strictEqual(await page.getByRole("link", { name: "Change role" }).count(), 0)
        })
      })
    )

    it.effect("a link to the role of an unknown user says so", () =>
      asStaff(
        "admin",
        `/staff?act=role&target=${absentId}`,
        async (page) => {
          await page.getByRole("alert").getByText("User not found.").waitFor()
        },
        { expectedTroubles: /^(?:401|404) for/ }
      )
    )

    it.effect("says that the service is unavailable, and shows the staff once it is back", () =>
      Effect.gen(function* () {
        const outage = yield* outageOf("suppressions")
        yield* outage.begin
        yield* asStaff(
          "viewer",
          "/staff?role=viewer",
          async (page, { email }) => {
            await page.getByText("Loading …").waitFor()
            await page
              .getByRole("alert")
              .getByText(/Try again/)
              .waitFor()
            await assertPresentable(page, "staff-unavailable")
            await Effect.runPromise(outage.end)
            await page.getByRole("button", { name: "Try again" }).click()
            await row(page, email).waitFor()
          },
          { expectedTroubles: /^(?:401|503) for/ }
        )
      })
    )
  })
})
