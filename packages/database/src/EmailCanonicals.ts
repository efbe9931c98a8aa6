import * as Backoff from "@user-service/domain/Backoff"
import { canonicalEmail, normaliseEmail } from "@user-service/domain/Email"
import { Array, Effect, Option, Order, Schema } from "effect"
import { type SqlClient, SqlError, SqlSchema } from "effect/sql"

/** How many rows a transaction locks at most. */
const batchSize = 500

const Account = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  canonical: Schema.NullOr(Schema.String),
  /** Seconds since 1970, or null where it never was. */
  lastLogin: Schema.NullOr(Schema.Finite)
})
type Account = typeof Account.Type

// Of the accounts of one mailbox, the first is the one to have the canonical form: that of the latest login, or else the
// one that was made first.
const byLastLogin = Order.combine(
  Order.mapInput(Order.flip(Order.Number), ({ lastLogin }: Account) => lastLogin ?? -Infinity),
  Order.mapInput(Order.String, ({ id }: Account) => id)
)

const canonicalOf = ({ email }: Account): string => canonicalEmail(normaliseEmail(email))

const columns = `id::text, email, email_canonical as canonical, extract(epoch from last_login_at)::float8 as "lastLogin"`

const accounts = (sql: SqlClient.SqlClient) => {
  const missing = SqlSchema.findAll({
    Request: Schema.String,
    Result: Account,
    execute: (after) => sql`
      select ${sql.literal(columns)} from users where email_canonical is null and id > ${after}::uuid
      order by id limit ${batchSize} for no key update`
  })
  const holders = SqlSchema.findAll({
    Request: Schema.Array(Schema.String),
    Result: Account,
    execute: (canonicals) => sql`
      select ${sql.literal(columns)} from users where email_canonical = any(${canonicals}::text[])
      order by id for no key update`
  })
  return {
    /** Those after this one that have no canonical form. */
    missing: (after: string) => Effect.catchTag(missing(after), "SchemaError", Effect.die),
    /** Those that have one of these canonical forms. */
    holders: (canonicals: ReadonlyArray<string>) => Effect.catchTag(holders(canonicals), "SchemaError", Effect.die)
  }
}

/** How a mailbox that several accounts have is settled. */
interface FillOptions {
  /** Whether an account that has the canonical form already loses it to one with a later login. */
  readonly displaces: boolean
}

const noId = "00000000-0000-0000-0000-000000000000"

// One batch in one transaction; answers the last id it looked at.
const fillBatch = (sql: SqlClient.SqlClient, after: string, { displaces }: FillOptions) =>
  sql.withTransaction(
    Effect.gen(function* () {
      const { holders, missing } = accounts(sql)
      const batch = yield* missing(after)
      const groups = Object.entries(Array.groupBy(batch, canonicalOf))
      const held = new Map((yield* holders(groups.map(([canonical]) => canonical))).map((row) => [row.canonical, row]))
      const chosen = groups.flatMap(([canonical, members]) => {
        const [first] = Array.sort(members, byLastLogin)
        const holder = held.get(canonical)
        if (holder === undefined) return [{ id: first.id, canonical, displaced: [] }]
        return displaces && byLastLogin(first, holder) < 0 ? [{ id: first.id, canonical, displaced: [holder.id] }] : []
      })
      const displaced = chosen.flatMap((account) => account.displaced)
      if (displaced.length > 0) {
        yield* sql`update users set email_canonical = null where id = any(${displaced}::uuid[])`
      }
      yield* sql`
        update users u set email_canonical = chosen.canonical
        from unnest(${chosen.map(({ id }) => id)}::uuid[], ${chosen.map(({ canonical }) => canonical)}::text[])
          as chosen (id, canonical)
        where u.id = chosen.id`
      return Array.last(batch)
    })
  )

const backoff = Backoff.schedule({ initial: "10 millis", cap: "5 seconds" })

// Somebody registered or logged in meanwhile.
const isPassing = (error: unknown): boolean =>
  SqlError.isSqlError(error) && ["UniqueViolation", "DeadlockError", "SerializationError"].includes(error.reason._tag)

const fillAll = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, options: FillOptions) {
  let after = noId
  for (;;) {
    const last = yield* Effect.retry(fillBatch(sql, after, options), {
      while: isPassing,
      times: 10,
      schedule: backoff
    })
    if (Option.isNone(last)) return
    after = last.value.id
  }
})

const step = "email_canonicals"

/**
 * Gives every account its canonical e-mail address that has none and whose mailbox no other account has, a batch a
 * transaction. The first time, of several accounts of one mailbox the one with the latest login comes to have it; after
 * that the one that has it keeps it, so that the others do not take turns with it. Safe to run in several processes at
 * once, beside a release that knows nothing of it, and to break off: what is left is done the next time.
 */
export const fill = Effect.fn("EmailCanonicals.fill")(function* (sql: SqlClient.SqlClient) {
  const done = yield* sql`select 1 from data_steps where name = ${step}`
  yield* fillAll(sql, { displaces: done.length === 0 })
  if (done.length === 0) {
    yield* sql`insert into data_steps (name, finished_at) values (${step}, now()) on conflict do nothing`
  }
})

/** Two accounts of one mailbox: `other` can only log in by its exact spelling. */
export interface SharedMailbox {
  readonly holder: { readonly id: string; readonly email: string }
  readonly other: { readonly id: string; readonly email: string }
}

/** The accounts that have no canonical address since another account has it. */
export const sharedMailboxes = Effect.fn("EmailCanonicals.sharedMailboxes")(function* (sql: SqlClient.SqlClient) {
  const { holders, missing } = accounts(sql)
  const shared: Array<SharedMailbox> = []
  let after = noId
  for (;;) {
    const batch = yield* missing(after)
    const held = new Map((yield* holders(batch.map(canonicalOf))).map((row) => [row.canonical, row]))
    for (const other of batch) {
      const holder = held.get(canonicalOf(other))
      if (holder !== undefined) shared.push({ holder, other })
    }
    const last = Array.last(batch)
    if (Option.isNone(last)) return shared
    after = last.value.id
  }
})
