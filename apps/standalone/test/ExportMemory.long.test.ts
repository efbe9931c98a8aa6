import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import * as Program from "./Program.ts"

const deliveries = 100_000
// A part of them fits in the time of one statement.
const batch = 10_000
const megabyte = 2 ** 20

// proc(5): the resident memory of a process, and the most that it was since the last reset.
const memoryOf = (pid: number, field: "VmRSS" | "VmHWM"): number => {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return Number(kilobytes) * 1024
}
const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5")

const account = { email: "ada@example.com", password: "correct horse battery staple" }

const fill = (id: string, first: number) => `
  insert into deliveries (id, notification_id, place, user_id, channel, category, status, error, created_at, updated_at)
  select gen_random_uuid(), 'order-' || n, 0, '${id}', 'email', 'transactional', 'failed', repeat('x', 500),
    now() - n * interval '1 second', now()
  from generate_series(${first}, ${first + batch - 1}) n`

// The beginning of each delivery of `fill`.
const mark = `"notification_id":"order-`

/** Reads an export without keeping it: its size, the number of the deliveries of `fill`, and its end. */
const measure = (url: string, token: string) =>
  Effect.promise(async () => {
    const answer = await fetch(`${url}/api/v1/users/export/`, { headers: { authorization: `Bearer ${token}` } })
    assert.strictEqual(answer.status, 200)
    let [size, count, tail] = [0, 0, ""]
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) {
      size += chunk.length
      const text = tail + decoder.decode(chunk, { stream: true })
      const parts = text.split(mark)
      count += parts.length - 1
      tail = (parts.at(-1) ?? "").slice(1 - mark.length)
    }
    return { size, count, tail }
  })

describe.skipIf(!Engines.areAvailable || !existsSync("/proc/self/clear_refs"))("the export of a long history", () => {
  it.live(
    "adds less than 50 MB to the memory of the API",
    () =>
      Effect.gen(function* () {
        const engines = { ...(yield* Engines.database), ...(yield* Engines.redis), RATE_LIMIT_EXPORT: "off" }
        const api = yield* Program.start(engines, "api")
        const expect = expectAnswer(sender(api.url))
        const { body } = yield* expect(201, undefined, "POST", "/api/v1/users/register/", { body: account })
        const { id, tokens } = body.data
        // With an export of an empty history, all code of exports is loaded.
        yield* measure(api.url, tokens.access)
        for (let first = 0; first < deliveries; first += batch) {
          yield* Engines.execute(fill(id, first), engines.DATABASE_URL)
        }
        const before = memoryOf(api.pid, "VmRSS")
        resetPeak(api.pid)
        const { count, size, tail } = yield* measure(api.url, tokens.access)
        const added = memoryOf(api.pid, "VmHWM") - before
        assert.deepStrictEqual({ count, isComplete: tail.endsWith("}}") }, { count: deliveries, isComplete: true })
        // More than could be in memory.
        assert.isAbove(size, 70 * megabyte)
        assert.isBelow(added, 50 * megabyte, `${added / megabyte} MB for ${size / megabyte} MB`)
      }),
    120_000
  )
})
