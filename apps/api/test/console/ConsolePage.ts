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
const widths = [390, 1280] as const

/** The least and the greatest size that the console is made for. */
const extremes = [320, 1920] as const

interface ConsoleOptions {
  readonly expectedTroubles?: RegExp
  readonly width?: number
}

/** Markup that would run if a text became markup. */
export const canary = "<img src=x onerror=alert(1)>"

/** Opens the console with an empty profile. */
export const withConsole = (
  { expectedTroubles = /^401 for .*\/session\/$/, width = 1280 }: ConsoleOptions,
  use: (page: Page) => Promise<void>
) =>
  // The first answer to a page without a session is a 401.
  withPage({ host: "localhost", expectedTroubles, viewport: { width, height: 900 } }, use)

const firstLoadTimeout = 90_000

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
      // The first request builds the console, which takes long on a busy machine.
      await page.goto(`/admin${path}`, { timeout: firstLoadTimeout })
      await page.getByLabel("E-mail address").waitFor({ timeout: firstLoadTimeout })
      await enterCredentials(page, member)
      await page.getByRole("button", { name: "Sign out" }).waitFor()
      await use(page, member)
    })
  })

// The page itself, and the tables, which would scroll in their own frames.
const widerThanTheirFrame =
  "[document.documentElement, ...document.querySelectorAll('.scroll')].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ outerHTML, scrollWidth, clientWidth }) => `${scrollWidth} > ${clientWidth}: ` + outerHTML)"

/** Asserts that nothing scrolls sideways in a window of this width. */
const assertFits = async (page: Page, name: string, width: number) => {
  await page.setViewportSize({ width, height: 900 })
  // The colours and the sizes are those of the next frame.
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
  assert.deepStrictEqual(await page.evaluate<ReadonlyArray<string>>(widerThanTheirFrame), [], `${name}, ${width}`)
}

/**
 * Asserts that the page is accessible, with light and with dark colours, on a phone and on a desk, and that it does not scroll sideways
 * in any size from 320 to 1920 pixels.
 */
export const assertPresentable = async (page: Page, name: string) => {
  // The policy of the page forbids inline scripts, but not what the debugger evaluates.
  await page.evaluate(axe)
  const shots = process.env["SCREENSHOTS"]
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
    for (const width of widths) {
      await assertFits(page, name, width)
      const violations = await page.evaluate<ReadonlyArray<string>>(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))"
      )
      assert.deepStrictEqual(violations, [], `${name}, ${colorScheme}, ${width}`)
      if (shots !== undefined) {
        await page.screenshot({ path: `${shots}/${name}-${width}-${colorScheme}.png`, fullPage: true })
      }
    }
  }
  for (const width of extremes) {
    await assertFits(page, name, width)
    if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}-${width}.png`, fullPage: true })
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  await page.setViewportSize({ width: 1280, height: 900 })
}
