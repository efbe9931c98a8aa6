import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { Record, type Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"

interface EventSchema {
  readonly fields: Schema.Struct.Fields & { readonly _tag: Schema.tag<DomainEvent["_tag"]> }
}

/**
 * The JSON of an event as a `jsonb` expression. `values` has one expression in encoded form for each field of the event. A
 * new field of the event is a compile error here until every statement has it.
 */
export const eventJson = <Event extends EventSchema>(
  sql: SqlClient.SqlClient,
  event: Event,
  values: Readonly<Record<Exclude<keyof Event["fields"], "_tag">, Statement.Fragment>>
): Statement.Fragment => {
  const fields = Record.toEntries<string, Statement.Fragment>(values).flatMap(([field, value]) => [`'${field}'`, value])
  return sql`jsonb_build_object(${sql.csv(["'_tag'", `'${event.fields._tag.schema.literal}'`, ...fields])})`
}
