import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Duration, Effect } from "effect"
import { connect } from "node:net"
import { setTimeout } from "node:timers/promises"
import { inject } from "vitest"
import { goodPassword } from "../TestApi.ts"
import { repeatConcurrently, Fleet } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

const register = "/api/v1/users/register/"

/** Registers, and is gone that many milliseconds after. */
const registerAndLeave = (url: string, email: string, afterMillis: number) =>
  Effect.promise(async () => {
    const { hostname, port } = new URL(url)
    const body = JSON.stringify({ email, password: goodPassword })
    const socket = connect({ host: hostname, port: Number(port) })
    const closed = new Promise((resolve) => socket.once("close", resolve))
    socket.on("error", () => socket.destroy())
    socket.write(
      `POST ${register} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
    await setTimeout(afterMillis)
    socket.destroy()
    await closed
  })

describe.skipIf(databaseUrl === "" || redisUrl === "")("clients that go away", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("at any moment of a registration leave either all of it or nothing", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        yield* a.person()
        const [whole] = yield* Effect.timed(a.person())
        const moment = Duration.toMillis(whole) / 6
        for (let round = 0; round < 10; round++) {
          yield* repeatConcurrently(10, (index) =>
            registerAndLeave(nth(index).url, `gone${round}-${index}@example.com`, moment * (index + round))
          )
        }
        // Those that were under way go on to their end or back to their beginning.
        const open = sql`
          select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`
        yield* waitUntil(Effect.map(open, ({ length }) => length === 0))
        const [left] = yield* sql`
          select count(*)::int as users, count(p.user_id)::int as profiles, count(n.user_id)::int as preferences,
            count(s.user_id)::int as sessions, count(o.user_id)::int as events
          from users u left join profiles p on p.user_id = u.id left join notification_preferences n on n.user_id = u.id
            left join sessions s on s.user_id = u.id left join outbox o on o.user_id = u.id`
        const { users } = left as { readonly users: number }
        assert.deepStrictEqual(left, { users, profiles: users, preferences: users, sessions: users, events: users })
        assert.isBelow(users, 102)
        yield* assertTellsAll(sql)
        assert.deepStrictEqual(
          (yield* a.log).filter(({ level }) => level === "error"),
          []
        )
      })
    )
  })
})
