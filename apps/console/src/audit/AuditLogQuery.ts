import { AuditQuery } from "@user-service/schema/http/admin/AuditApi"
import { infiniteQueryOptions } from "@tanstack/react-query"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"

const names = ["user_id", "actor_id", "action", "from", "to"] as const

/** The selection of entries in a link, as text. */
export type AuditLinkSearch = { readonly [Name in (typeof names)[number]]?: string }

/** The selection in the query of a link. */
export const filterIn = (search: Readonly<Record<string, unknown>>): AuditLinkSearch =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = search[name]
      return typeof value === "string" && value !== "" ? [[name, value]] : []
    })
  )

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
