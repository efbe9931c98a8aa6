import { assert, describe, it } from "@effect/vitest"
import axe from "axe-core"
import { Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import { inject } from "vitest"
import { Chromium, missingBrowser, withPage } from "../Chromium.ts"
import { layerReal, type Person, TestApi } from "../TestApi.ts"
import { linksTo, pathOf, withLinks } from "./Links.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const missing = databaseUrl === "" || redisUrl === "" ? ": PostgreSQL or Redis does not run" : missingBrowser

// Each browser has an address of its own, behind a trusted proxy.
const environment = { ...withLinks, RATE_LIMIT_UNSUBSCRIBE: "30/1m", TRUSTED_PROXIES: "127.0.0.1" }

// axe needs JavaScript, so everything is done twice.
const browsers = [390, 1280].flatMap((width, index) => [
  {
    name: `${width} px wide, without JavaScript`,
    width,
    javaScriptEnabled: false,
    extraHTTPHeaders: { "x-forwarded-for": `203.0.113.${index}` }
  },
  {
    name: `${width} px wide, with JavaScript for axe`,
    width,
    javaScriptEnabled: true,
    extraHTTPHeaders: { "x-forwarded-for": `198.51.100.${index}` }
  }
])

type Browser = (typeof browsers)[number]

/** Asserts that axe finds no violation, and that it could compute the contrast. */
const assertAccessible = async (page: Page): Promise<void> => {
  await page.evaluate(axe.source)
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme })
    const { passes, violations } = await page.evaluate<axe.AxeResults>("axe.run()")
    const problems = violations.map(({ help, nodes }) => `${colorScheme}: ${help}: ${nodes.map(({ html }) => html)}`)
    assert.deepStrictEqual(problems, [])
    assert.isTrue(passes.some(({ id }) => id === "color-contrast"))
  }
}

/** What a test does with an empty page. `check` checks the page as it is, and its heading. */
type Visit = (page: Page, check: (heading: string) => Promise<void>) => Promise<void>

const open = ({ extraHTTPHeaders, javaScriptEnabled, width }: Browser, person: Person, visit: Visit) =>
  withPage({ extraHTTPHeaders, javaScriptEnabled, viewport: { width, height: 844 } }, (page) =>
    visit(page, async (heading) => {
      assert.strictEqual(await page.locator("h1").textContent(), heading)
      assert.isAtMost(await page.evaluate<number>("document.documentElement.scrollWidth"), width)
      const html = await page.content()
      for (const secret of [person.email, person.id, "Canary", "Surname"]) assert.notInclude(html, secret)
      if (javaScriptEnabled) await assertAccessible(page)
    })
  )

/** A new user, and the paths of the links in a mail to them. */
const linkedPerson = Effect.gen(function* () {
  const api = yield* TestApi
  const person = yield* api.person({ name: "Canary Surname" })
  const { manage_url, url } = yield* linksTo(person)
  return { person, path: pathOf(url), managePath: pathOf(manage_url) }
})

/** The name of the field that has the focus, or the text of another element. */
const focused = (page: Page) =>
  page.evaluate<string>("document.activeElement.name || document.activeElement.textContent")

/** Moves the focus forwards to the control, and asserts that each control on the way shows that it has the focus. */
const tabTo = async (page: Page, name: string): Promise<void> => {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab")
    const control = await focused(page)
    const outline = await page.evaluate<string>("getComputedStyle(document.activeElement).outline")
    assert.match(outline, /solid 3px$/, control)
    if (control === name) return
  }
  assert.fail(`The keyboard does not reach ${name}`)
}

/** Presses Enter, and waits for the next page. */
const submit = async (page: Page): Promise<void> => {
  const loaded = page.waitForEvent("load")
  await page.keyboard.press("Enter")
  await loaded
}

describe.skipIf(missing !== "")(`the pages behind links in mails, in a browser${missing}`, () => {
  it.layer(Layer.merge(layerReal(databaseUrl, redisUrl, environment), Chromium.layer), { excludeTestServices: true })(
    (it) => {
      describe.each(browsers)("$name", (browser) => {
        it.effect("a category is switched off and on again by keyboard", () =>
          Effect.gen(function* () {
            const { path, person } = yield* linkedPerson
            yield* open(browser, person, async (page, check) => {
              await page.goto(path)
              await check("Unsubscribe from marketing emails?")
              await tabTo(page, "Unsubscribe")
              await submit(page)
              await check("You are unsubscribed")
              // The page of the link shows what was chosen.
              await page.goto(path)
              await check("You are unsubscribed")
              await tabTo(page, "Undo")
              await submit(page)
              await check("You are subscribed again")
            })
          })
        )

        it.effect("switches and quiet hours are saved by keyboard", () =>
          Effect.gen(function* () {
            const { managePath, person } = yield* linkedPerson
            yield* open(browser, person, async (page, check) => {
              await page.goto(managePath)
              await check("Notification preferences")
              await tabTo(page, "email_system")
              await page.keyboard.press("Space")
              await tabTo(page, "do_not_disturb_start")
              await page.keyboard.type("1000PM")
              await tabTo(page, "do_not_disturb_end")
              await page.keyboard.type("0730AM")
              await tabTo(page, "Save")
              await submit(page)
              await check("Notification preferences")
              assert.strictEqual(await focused(page), "Your preferences are saved.")
              assert.isFalse(await page.locator("[name=email_system]").isChecked())
              assert.strictEqual(await page.locator("[name=do_not_disturb_start]").inputValue(), "22:00")
              assert.strictEqual(await page.locator("[name=do_not_disturb_end]").inputValue(), "07:30")
            })
          })
        )

        it.effect("a field that is wrong has the focus and its error, and keeps what was typed", () =>
          Effect.gen(function* () {
            const { managePath, person } = yield* linkedPerson
            yield* open(browser, person, async (page, check) => {
              await page.goto(managePath)
              await tabTo(page, "push_system")
              await page.keyboard.press("Space")
              await tabTo(page, "do_not_disturb_start")
              await page.keyboard.type("1000PM")
              await submit(page)
              await check("Notification preferences")
              assert.include((await page.getByRole("alert").textContent()) ?? "", "Nothing was saved.")
              assert.isFalse(await page.locator("[name=push_system]").isChecked())
              assert.strictEqual(await page.locator("[name=do_not_disturb_start]").inputValue(), "22:00")
              assert.strictEqual(await focused(page), "do_not_disturb_end")
              const field = page.locator("[name=do_not_disturb_end]")
              assert.strictEqual(await field.getAttribute("aria-invalid"), "true")
              const [error = ""] = (await field.getAttribute("aria-describedby"))?.split(" ") ?? []
              assert.strictEqual(await page.locator(`[id="${error}"]`).textContent(), "Required when a start is set.")
            })
          })
        )

        it.effect("a form that was overtaken by another change is shown with the current preferences", () =>
          Effect.gen(function* () {
            const { managePath, person } = yield* linkedPerson
            yield* open(browser, person, async (page, check) => {
              await page.goto(managePath)
              const other = await page.context().newPage()
              await other.goto(managePath)
              await tabTo(other, "email_system")
              await other.keyboard.press("Space")
              await submit(other)
              await page.bringToFront()
              await tabTo(page, "push_system")
              await page.keyboard.press("Space")
              await submit(page)
              await check("Notification preferences")
              assert.include(await focused(page), "changed somewhere else")
              assert.isFalse(await page.locator("[name=email_system]").isChecked())
              assert.isTrue(await page.locator("[name=push_system]").isChecked())
            })
          })
        )

        it.effect("a link does not undo a choice that was made elsewhere afterwards", () =>
          Effect.gen(function* () {
            const { send } = yield* TestApi
            const services = yield* Effect.context<TestApi>()
            const { path, person } = yield* linkedPerson
            const choose = (email_marketing: boolean) =>
              send("PATCH", "/api/v1/users/preferences/", { token: person.access, body: { email_marketing } })
            yield* open(browser, person, async (page, check) => {
              await page.goto(path)
              await tabTo(page, "Unsubscribe")
              await submit(page)
              await Effect.runPromiseWith(services)(Effect.andThen(choose(true), choose(false)))
              await tabTo(page, "Undo")
              await submit(page)
              await check("Nothing was changed")
            })
          })
        )

        it.effect("a form with a switch that security notifications depend on is refused with an alert", () =>
          Effect.gen(function* () {
            const { managePath, person } = yield* linkedPerson
            yield* open(browser, person, async (page, check) => {
              await page.goto(managePath)
              await page.evaluate(
                `document.querySelector("form").insertAdjacentHTML("beforeend", '<input type="hidden" name="email_security" value="off">')`
              )
              await tabTo(page, "Save")
              await submit(page)
              await check("Notification preferences")
              assert.include(await focused(page), "can only be changed after you sign in")
            })
          })
        )

        it.effect("links that do not work, or not any more, lead to a page that says so", () =>
          Effect.gen(function* () {
            const { pass, send } = yield* TestApi
            const { managePath, path, person } = yield* linkedPerson
            const cut = path.slice(0, -1)
            const see = (path: string, heading: string) =>
              open(browser, person, async (page, check) => {
                await page.goto(path)
                await check(heading)
              })
            yield* see(cut, "This link does not work")
            yield* Effect.replicateEffect(send("GET", cut, { headers: browser.extraHTTPHeaders }), 30)
            yield* see(cut, "Too many attempts")
            yield* send("DELETE", "/api/v1/users/profile/", {
              token: person.access,
              body: { password: person.password }
            })
            yield* see(path, "Unsubscribe from marketing emails?")
            yield* see(managePath, "This link is no longer valid")
            const { managePath: expired } = yield* linkedPerson
            yield* pass("30 days")
            yield* see(expired, "This link is no longer valid")
          })
        )
      })
    }
  )
})
