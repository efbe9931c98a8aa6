import type { Role } from "@user-service/domain/Role"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"
import { staff } from "../admin/Staff.ts"
import { withPage } from "../Chromium.ts"
import type { Person } from "../TestApi.ts"

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** The sizes of a phone and of a desk. */
export const widths = [390, 1280] as const

interface ConsoleOptions {
  readonly expectedTroubles?: RegExp
  readonly width?: number
}

/** Opens the console with an empty profile. */
export const withConsole = (
  { expectedTroubles = /^401 for .*\/session\/$/, width = 1280 }: ConsoleOptions,
  use: (page: Page) => Promise<void>
) =>
  // The first answer to a page without a session is a 401.
  withPage({ host: "localhost", expectedTroubles, viewport: { width, height: 900 } }, use)

/** Fills in the form to sign in and sends it. */
export const enterCredentials = async (page: Page, { email, password }: Pick<Person, "email" | "password">) => {
  await page.getByLabel("E-mail address").fill(email)
  await page.getByLabel("Password").fill(password)
  await page.getByRole("button", { name: "Sign in" }).click()
}

/** Opens a page of the console as a new member of staff with the role. */
export const asStaff = (
  role: Role,
  path: string,
  use: (page: Page, member: Person) => Promise<void>,
  options: ConsoleOptions = {}
) =>
  Effect.gen(function* () {
    const member = yield* staff(role)
    yield* withConsole(options, async (page) => {
      await page.goto(`/admin${path}`)
      await enterCredentials(page, member)
      await page.getByRole("button", { name: "Sign out" }).waitFor()
      await use(page, member)
    })
  })

/** Asserts that the page is accessible and does not scroll sideways, with light and with dark colours, on a phone and on a desk. */
export const assertPresentable = async (page: Page, name: string) => {
  // The policy of the page forbids inline scripts, but not what the debugger evaluates.
  await page.evaluate(axe)
  const shots = process.env["SCREENSHOTS"]
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 })
      // The colours and the sizes are those of the next frame.
      await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
      const violations = await page.evaluate<ReadonlyArray<string>>(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))"
      )
      assert.deepStrictEqual(violations, [], `${name}, ${colorScheme}, ${width}`)
      const needed = await page.evaluate<number>("document.documentElement.scrollWidth")
      assert.isAtMost(needed, width, `${name}, ${colorScheme}, ${width}`)
      if (shots !== undefined) {
        await page.screenshot({ path: `${shots}/${name}-${width}-${colorScheme}.png`, fullPage: true })
      }
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  await page.setViewportSize({ width: 1280, height: 900 })
}
