import { NodeHttpClient } from "@effect/platform-node"
import { UserId, UserServiceClient } from "@user-service/rpc-client"
import { Context, Effect, Layer, Redacted } from "effect"
import type { Client as Database } from "pg"
import { Bench, connect, startService } from "../Bench.ts"
import { compare } from "../Compare.ts"
import { type DatasetSize, load } from "../dataset/Dataset.ts"
import type { Figure } from "../Figure.ts"
import { open, requestBytes } from "../load/Connection.ts"
import { closedRate } from "../load/Load.ts"
import { dataOf, password, type BenchUser } from "../Users.ts"
import { readers } from "./ProfileReads.ts"
import { postNewToken, putPreferences, type Write, writers } from "./Writes.ts"

const large: DatasetSize = {
  users: 1_000_000,
  pushTokens: 2_000_000,
  audit: 10_000_000,
  outbox: 10_000_000,
  deliveries: 10_000_000,
  months: 24
}
const small: DatasetSize = {
  users: 1000,
  pushTokens: 2000,
  audit: 10_000,
  outbox: 10_000,
  deliveries: 10_000,
  months: 24
}

// So many that none exceeds the write limit.
const sessionCount = 600
const recipientsACall = 1000

const accountsQuery = `
  select id, email from users where is_active and role is null order by md5(id::text) limit ${sessionCount}`

/** Logs the users in. They get the password of the service's own user, since the data set has none. */
const logIn = async (url: URL, database: Database, owner: BenchUser): Promise<ReadonlyArray<BenchUser>> => {
  const { rows } = await database.query<Pick<BenchUser, "id" | "email">>(accountsQuery)
  await database.query(
    "update users set password_hash = (select password_hash from users where id = $1) where id = any($2)",
    [owner.id, rows.map(({ id }) => id)]
  )
  const connections = await Promise.all([open(url), open(url)])
  const sessions = await Promise.all(
    connections.map(async (connection, index) => {
      const own: Array<BenchUser> = []
      for (const { email, id } of rows.filter((_, turn) => turn % connections.length === index)) {
        const answer = await connection.send(
          requestBytes("POST", "/api/v1/users/login/", { body: { email, password } })
        )
        const { access, refresh } = dataOf(answer).tokens
        own.push({ id, email, access, refresh })
      }
      connection.close()
      return own
    })
  )
  return sessions.flat()
}

// Spread over all users, and each more than once only if there are fewer.
const recipientsQuery = "select id from users order by md5(id::text || 'r') limit 200000"

const recipientsOf = async (database: Database): Promise<ReadonlyArray<UserId>> => {
  const { rows } = await database.query<{ readonly id: string }>(recipientsQuery)
  const ids = rows.map(({ id }) => UserId.make(id))
  // Those who get each call have a daily limit that no run reaches.
  if (ids.length <= recipientsACall)
    await database.query("update notification_preferences set frequency_limit = 10000 where user_id = any($1)", [ids])
  return ids
}

// A service on a database of this size, and its rates.
const ratesOf = Effect.fnUntraced(function* (size: DatasetSize) {
  const bench = yield* Bench
  const { databaseUrl, service, users } = yield* startService(bench.serviceScript, bench, { userCount: 1 })
  const [owner] = users
  if (owner === undefined) return yield* Effect.die("The service has one user")
  const database = yield* connect(databaseUrl)
  yield* Effect.promise(() => load(database, size))
  const sessions = yield* Effect.promise(() => logIn(service.url, database, owner))
  const recipients = yield* Effect.promise(() => recipientsOf(database))
  const layer = UserServiceClient.layer({
    url: service.url.href,
    apiKey: Redacted.make(bench.serviceKey),
    deadline: "1 minute",
    timeout: "1 minute"
  })
  const context = yield* Layer.build(Layer.provide(layer, NodeHttpClient.layerUndici))
  const { resolveDeliveries } = Context.get(context, UserServiceClient)
  let turn = 0
  const resolved = (count: number) =>
    Effect.gen(function* () {
      const started = performance.now()
      const end = started + bench.seconds * 1000
      let done = 0
      for (; performance.now() < end; done += count) {
        const userIds = Array.from(
          { length: count },
          () => recipients[turn++ % recipients.length] ?? UserId.make(owner.id)
        )
        yield* Effect.orDie(
          resolveDeliveries(
            userIds.map((user_id) => ({ user_id, channel: "push", category: "transactional" }) as const)
          )
        )
      }
      return (done * 1000) / (performance.now() - started)
    })
  const { seconds } = bench
  const writing = (write: Write) =>
    closedRate({ url: service.url, seconds, clients: writers(sessions, ({ access }) => access, write) })
  return {
    reads: closedRate({ url: service.url, seconds, clients: readers(sessions, ({ access }) => access) }),
    preferences: writing(putPreferences),
    pushTokens: writing(postNewToken),
    single: resolved(1),
    bulk: resolved(recipientsACall)
  }
})

/**
 * P14. The users who read and write are in the cache on both sides. The recipients of the large side are spread over all users, so a call
 * finds few of their rows in the memory of the server, and the small side resolves the same thousand each time.
 */
export const growth = Effect.gen(function* () {
  const { rounds } = yield* Bench
  const ours = yield* ratesOf(large)
  const baseline = yield* ratesOf(small)
  const figure = Effect.fnUntraced(function* (measure: string, rate: keyof typeof ours) {
    return {
      id: "P14",
      measure: `${measure}, with a million users, over the same with a thousand`,
      unit: "a second",
      goal: { must: 0.8, aim: 0.95, better: "higher" },
      ...(yield* compare(rounds, ours[rate], baseline[rate]))
    } satisfies Figure
  })
  return yield* Effect.all([
    figure("profile reads", "reads"),
    figure("preferences PUT", "preferences"),
    figure("push token POST, each one new", "pushTokens"),
    figure("recipients resolved, one a call", "single"),
    figure(`recipients resolved, ${recipientsACall} a call`, "bulk")
  ])
}).pipe(Effect.scoped)
