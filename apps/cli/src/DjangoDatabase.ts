import type { DjangoRow, DjangoUser } from "@user-service/core/imports/DjangoUser"
import type { PostgresAddress } from "@user-service/database/PostgresAddress"
import { connectTo } from "@user-service/database/Postgres"
import { Effect, Schema, Stream } from "effect"
import type { SqlError } from "effect/sql"

// The users of the Django service's database, as JSON from one statement (decision 0033).

/** The database is not that of the Django service. */
export class NotDjangoDatabase extends Schema.TaggedError<NotDjangoDatabase>()("NotDjangoDatabase", {
  table: Schema.String
}) {
  override get message() {
    return `The database of --from is not that of the Django service: it has no table ${this.table}`
  }
}

const tables = ["users", "user_profiles", "notification_preferences", "push_tokens"] as const

const Count = Schema.Struct({ count: Schema.Int })
const decodeCount = Schema.decodeUnknownEffect(Schema.Tuple([Count]))

interface Row {
  readonly user: DjangoRow
  readonly profile: DjangoRow | null
  readonly preferences: DjangoRow | null
  readonly push_tokens: ReadonlyArray<DjangoRow>
}

/** The users of a database of the Django service, which is only read. */
export interface DjangoDatabase {
  readonly count: number
  /** All users of one snapshot, those with the latest login first: of two accounts with one mailbox the used one is imported. */
  readonly users: Stream.Stream<DjangoUser, SqlError.SqlError>
}

/** Connects to the database until the scope closes. */
export const connect = Effect.fnUntraced(function* (address: PostgresAddress) {
  const sql = yield* connectTo(address)
  for (const table of tables) {
    const [found] = yield* sql`select to_regclass(${table}) is not null as exists`
    if (found?.["exists"] !== true) return yield* new NotDjangoDatabase({ table })
  }
  const [{ count }] = yield* Effect.orDie(decodeCount(yield* sql`select count(*)::int as count from users`))
  // As JSON, because the columns of deployments differ. One statement, so that all rows of a user are of one moment.
  const users = sql<Row>`
    select to_jsonb(u) as user, to_jsonb(p) as profile, to_jsonb(n) as preferences,
      coalesce((select jsonb_agg(to_jsonb(t)) from push_tokens t where t.user_id = u.id), '[]') as push_tokens
    from users u
    left join user_profiles p on p.user_id = u.id
    left join notification_preferences n on n.user_id = u.id
    order by u.last_login desc nulls last, u.id`.stream.pipe(
    Stream.map(({ preferences, profile, push_tokens, user }): DjangoUser => ({
      user,
      profile,
      preferences,
      pushTokens: push_tokens
    }))
  )
  return { count, users } satisfies DjangoDatabase
})
