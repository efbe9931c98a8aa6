import { AuditQuery } from "@user-service/schema/http/admin/AuditApi"
import { infiniteQueryOptions } from "@tanstack/react-query"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"

const AuditLinkSearch = Schema.Struct({
  user_id: linkPart(Schema.NonEmptyString),
  actor_id: linkPart(Schema.NonEmptyString),
  action: linkPart(Schema.NonEmptyString),
  from: linkPart(Schema.NonEmptyString),
  to: linkPart(Schema.NonEmptyString)
})

/** The selection of entries in a link, as text. */
export type AuditLinkSearch = typeof AuditLinkSearch.Type

/** The selection in the query of a link. */
export const filterIn = linkParts(AuditLinkSearch)

/** The selection as the API takes it. Fails as the API does for invalid fields. */
export const selectionOf = decodeInput(Schema.Struct(AuditQuery))

export const auditLogQuery = (filter: AuditLinkSearch) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      run(
        Effect.flatMap(selectionOf(filter), (selection) =>
          api["admin-audit"].list({
            query: { ...selection, limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) }
          })
        ),
        signal
      ),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor
  })
