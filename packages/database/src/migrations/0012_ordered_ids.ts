import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** A function that generates version 7 UUIDs (RFC 9562, section 5.7) for rows that SQL inserts, ordered by time. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // A version 4 UUID with the time in its first 48 bits. Setting two bits changes the version to 7.
  yield* sql`
    create function uuid_v7() returns uuid language sql volatile as $$
      select encode(
        set_bit(
          set_bit(
            overlay(
              uuid_send(gen_random_uuid())
              placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
              from 1 for 6
            ), 52, 1
          ), 53, 1
        ), 'hex'
      )::uuid
    $$`
  yield* sql`alter table outbox alter column id set default uuid_v7()`
  yield* sql`alter table audit_log alter column id set default uuid_v7()`
})
