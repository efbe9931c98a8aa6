import { NodeHttpClient } from "@effect/platform-node"
import { UserId, UserServiceClient } from "@user-service/rpc-client"
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { randomUUID } from "node:crypto"
import { Bench, connect } from "../Bench.ts"
import { compare, median } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { type Connection, open, requestBytes } from "../load/Connection.ts"
import { dataOf, password } from "../Users.ts"

const count = 1000

// Registers a user who can receive all pushes of the run: with a device and a high enough daily limit.
const register = async (connection: Connection): Promise<UserId> => {
  const account = { email: `bench-${randomUUID()}@example.com`, password, push_token: randomUUID() }
  const { id, tokens } = dataOf(
    await connection.send(requestBytes("POST", "/api/v1/users/register/", { body: account }))
  )
  await connection.send(
    requestBytes("PATCH", "/api/v1/users/preferences/", { token: tokens.access, body: { frequency_limit: 10_000 } })
  )
  return UserId.make(id)
}

const registerRecipients = (url: URL) =>
  Effect.promise(async () => {
    const connections = await Promise.all([open(url), open(url)])
    const recipients = await Promise.all(
      connections.map(async (connection) => {
        const own: Array<UserId> = []
        while (own.length < count / connections.length) own.push(await register(connection))
        connection.close()
        return own
      })
    )
    return recipients.flat()
  })

// Recipients per second of one caller in a closed loop. Concurrent calls for the same recipients would wait for each other,
// since each charges the daily quota of all of them.
const rate = (seconds: number, recipients: number, call: () => Effect.Effect<unknown, { readonly message: string }>) =>
  Effect.gen(function* () {
    const started = performance.now()
    const end = started + seconds * 1000
    let resolved = 0
    while (performance.now() < end) {
      yield* Effect.orDie(call())
      resolved += recipients
    }
    return (resolved * 1000) / (performance.now() - started)
  })

// The baseline: reads the rows that a decision needs and writes the row that it stores, for each recipient.
const readRows = {
  name: "read",
  text: `select u.id, u.email, u.is_active, u.is_verified, p.timezone, n.*,
      (select json_agg(json_build_object('id', t.id, 'token', t.token, 'platform', t.platform, 'token_type', t.token_type))
        from push_tokens t where t.user_id = u.id and t.is_active) as push_tokens
    from users u join profiles p on p.user_id = u.id join notification_preferences n on n.user_id = u.id
    where u.id = any($1)`
}
const writeRows = {
  name: "write",
  text: `insert into deliveries
      (id, notification_id, place, user_id, channel, category, status, charged_on, is_charged, created_at, updated_at)
    select gen_random_uuid(), n, 0, u, 'push', 'transactional', 'pending', current_date, true, now(), now()
      from unnest($1::text[], $2::uuid[]) as rows(n, u)`
}

const pushTo = (user_id: UserId) => ({ user_id, channel: "push", category: "transactional" }) as const
const mailTo = (user_id: UserId) => ({ user_id, channel: "email", category: "transactional" }) as const
const linkedMailTo = (user_id: UserId) => ({ ...mailTo(user_id), unsubscribe: true })

/** P11. */
export const resolutions = Effect.gen(function* () {
  const { databaseUrl, rounds, seconds, service, serviceKey } = yield* Bench
  const recipients = yield* registerRecipients(service.url)
  const layer = UserServiceClient.layer({
    url: service.url.href,
    apiKey: Redacted.make(serviceKey),
    deadline: "1 minute",
    timeout: "1 minute"
  })
  const context = yield* Layer.build(Layer.provideMerge(layer, NodeHttpClient.layerUndici))
  const { getUser, resolveDeliveries } = Context.get(context, UserServiceClient)
  const http = Context.get(context, HttpClient.HttpClient)
  const sql = yield* connect(databaseUrl)
  let turn = 0
  const next = () => recipients.slice(turn % count, (turn++ % count) + 1)

  const bulk = rate(seconds, count, () => resolveDeliveries(recipients.map(pushTo)))
  const mails = rate(seconds, count, () => resolveDeliveries(recipients.map(mailTo)))
  const linkedMails = rate(seconds, count, () => resolveDeliveries(recipients.map(linkedMailTo)))
  const single = rate(seconds, 1, () => resolveDeliveries(next().map(pushTo)))
  const rows = rate(seconds, count, () =>
    Effect.promise(async () => {
      const read = await sql.query({ ...readRows, values: [recipients] })
      await sql.query({ ...writeRows, values: [recipients.map(() => randomUUID()), recipients] })
      return JSON.parse(JSON.stringify(read.rows))
    })
  )

  // Over a whole turn, so that both protocols are equally warm.
  const middle = (read: (userId: UserId) => Effect.Effect<unknown, { readonly message: string }>) =>
    Effect.gen(function* () {
      const took: Array<number> = []
      const end = performance.now() + seconds * 1000
      for (let started = performance.now(); started < end; started = performance.now()) {
        for (const userId of next()) yield* Effect.orDie(read(userId))
        took.push(performance.now() - started)
      }
      return median(took)
    })
  const overRpc = middle(getUser)
  const overHttp = middle((userId) =>
    http
      .get(new URL(`/internal/v1/users/${userId}`, service.url), { headers: { "x-api-key": serviceKey } })
      .pipe(Effect.flatMap((response) => response.json))
  )

  return [
    {
      id: "P11",
      measure: `recipients resolved, ${count} a call, over single calls`,
      unit: "a second",
      goal: { must: 10, aim: 30, better: "higher" },
      ...(yield* compare(rounds, bulk, single))
    },
    {
      id: "P11",
      measure: `recipients resolved, ${count} a call, over bare SQL + JSON of the same rows`,
      unit: "a second",
      goal: { must: 0.3, aim: 0.6, better: "higher" },
      ...(yield* compare(rounds, bulk, rows))
    },
    {
      id: "P11",
      measure: `recipients of e-mails with unsubscribe links, ${count} a call, over the same without links`,
      unit: "a second",
      goal: { must: 1 / 1.2, aim: 0.9, better: "higher" },
      ...(yield* compare(rounds, linkedMails, mails))
    },
    {
      id: "P11",
      measure: "p50 of a user read over RPC, over the same by plain HTTP",
      unit: "ms",
      goal: { must: 1.35, aim: 1, better: "lower" },
      ...(yield* compare(rounds, overRpc, overHttp))
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
