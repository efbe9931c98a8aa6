import { Effect } from "effect"
import type { Client as Database } from "pg"
import { Bench, connect, startService } from "../Bench.ts"
import { compare } from "../Compare.ts"
import { type DatasetSize, load } from "../dataset/Dataset.ts"
import type { Figure } from "../Figure.ts"
import { open, requestBytes } from "../load/Connection.ts"
import { openLoop, quantile } from "../load/Load.ts"

const noOthers = { pushTokens: 0, outbox: 0, deliveries: 0, months: 24 } as const
const large: DatasetSize = { ...noOthers, users: 1_000_000, audit: 10_000_000 }
const small: DatasetSize = { ...noOthers, users: 1000, audit: 10_000 }

// So few that no request waits for another on any of the two sides.
const perSecond = 40

/** A page that staff asks for. A search has a body. */
interface Page {
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
}

const samples = 60

interface Sample {
  readonly id: string
  readonly email: string
  readonly username: string
  readonly phone_number: string
  readonly action: string
  readonly actor_id: string
}

// Of users who acted in the last days, and of the acts of staff.
const sampleQuery = `
  select u.id, u.email, u.username, coalesce(u.phone_number, '+1') as phone_number, a.action, coalesce(s.actor_id, u.id) as actor_id
  from (select * from audit_log order by created_at desc limit 20000) a join users u on u.id = a.user_id
  left join lateral (select actor_id from audit_log where actor_id is distinct from user_id and actor_id is not null
    and created_at < a.created_at order by created_at desc limit 1) s on true
  order by a.id limit ${samples}`

const sorts = ["created_at", "-created_at", "last_login", "-last_login", "email", "-email"]
const states = ["active", "disabled", "unverified", "suppressed"]

const at = <A>(items: ReadonlyArray<A>, index: number): A => {
  const item = items[index % items.length]
  if (item === undefined) throw new RangeError("Nothing to choose from")
  return item
}

// For each sample: a value of each kind, a prefix as long as people type, and a list with a filter, each order and state by turns.
const searchesOf = (sample: Sample, index: number): ReadonlyArray<Page> => {
  const path = "/api/v1/admin/users/search/"
  const sort = at(sorts, index)
  const state = at(states, index)
  return [
    { q: at([sample.email, sample.username, sample.id, sample.phone_number], index) },
    { q: sample.username.slice(0, 4 + (index % 6)), sort },
    { q: sample.username.slice(0, 6), sort, state },
    { state, sort },
    { role: at(["viewer", "support", "admin"], index), sort },
    { sort }
  ].map((search) => ({ path, body: { limit: 20, ...search } }))
}

const auditPagesOf = ({ action, actor_id, id }: Sample, index: number): ReadonlyArray<Page> => {
  const month = new Date(Date.now() - (index % 20) * 30 * 86_400_000).toISOString()
  return [
    {},
    { user_id: id },
    { actor_id },
    { action },
    { user_id: id, action },
    { actor_id, action: "user.disabled" },
    { to: month },
    { action, from: new Date(Date.parse(month) - 30 * 86_400_000).toISOString(), to: month }
  ].map((query) => ({ path: `/api/v1/admin/audit/?${new URLSearchParams({ limit: "20", ...query })}` }))
}

const withCursor = ({ body, path }: Page, cursor: string): Page =>
  body === undefined ? { path: `${path}&cursor=${cursor}` } : { path, body: { ...body, cursor } }

/** The requests for these pages, and for the page after each that has one. */
const requestsOf = async (url: URL, token: string, pages: ReadonlyArray<Page>): Promise<ReadonlyArray<Buffer>> => {
  const bytes = ({ body, path }: Page) =>
    body === undefined ? requestBytes("GET", path, { token }) : requestBytes("POST", path, { token, body })
  const connection = await open(url)
  const requests: Array<Buffer> = []
  for (const page of pages) {
    const answer = await connection.send(bytes(page))
    if (answer.status !== 200) throw new Error(`${page.path} answered ${answer.status}: ${answer.body.toString()}`)
    const cursor: unknown = JSON.parse(answer.body.toString()).meta.next_cursor
    requests.push(bytes(page))
    if (typeof cursor === "string") requests.push(bytes(withCursor(page, cursor)))
  }
  connection.close()
  return requests
}

const samplesOf = async (client: Database): Promise<ReadonlyArray<Sample>> =>
  (await client.query<Sample>(sampleQuery)).rows

// A service on a database of this size, and its p99 of both kinds of pages in milliseconds.
const staffPagesOf = Effect.fnUntraced(function* (size: DatasetSize) {
  const bench = yield* Bench
  const { databaseUrl, service, users } = yield* startService(bench.serviceScript, bench, { userCount: 1 })
  const client = yield* connect(databaseUrl)
  yield* Effect.promise(() => load(client, size))
  const viewer = users[0]
  if (viewer === undefined) return yield* Effect.die("The service has one user")
  yield* Effect.promise(() => client.query("update users set role = 'viewer' where id = $1", [viewer.id]))
  const found = yield* Effect.promise(() => samplesOf(client))
  const p99 = Effect.fnUntraced(function* (pages: ReadonlyArray<Page>) {
    const requests = yield* Effect.promise(() => requestsOf(service.url, viewer.access, pages))
    let turn = 0
    const next = () => requests[turn++ % requests.length] ?? Buffer.alloc(0)
    return Effect.promise(async () => {
      const result = await openLoop({
        url: service.url,
        seconds: bench.seconds,
        perSecond,
        connections: 8,
        client: { next }
      })
      if (result.failed > 0) throw new Error(`${result.failed} of the pages failed`)
      return quantile(result, 0.99)
    })
  })
  return { searches: yield* p99(found.flatMap(searchesOf)), audit: yield* p99(found.flatMap(auditPagesOf)) }
})

const goal = { must: 3, aim: 1.5, better: "lower" } as const

/** P18. */
export const staffPages = Effect.gen(function* () {
  const { rounds } = yield* Bench
  const ours = yield* staffPagesOf(large)
  const baseline = yield* staffPagesOf(small)
  return [
    {
      id: "P18",
      measure: "p99 of searches of staff with a million users, over the same with a thousand",
      unit: "ms",
      goal,
      ...(yield* compare(rounds, ours.searches, baseline.searches))
    },
    {
      id: "P18",
      measure: "p99 of audit pages with ten million entries, over the same with ten thousand",
      unit: "ms",
      goal,
      ...(yield* compare(rounds, ours.audit, baseline.audit))
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
