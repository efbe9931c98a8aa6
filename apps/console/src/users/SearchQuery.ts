import { Role } from "@user-service/domain/Role"
import { UserSort, UserState } from "@user-service/domain/UserSearch"
import { UserSearchInput } from "@user-service/schema/http/admin/UserSearchApi"
import { infiniteQueryOptions } from "@tanstack/react-query"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"

const SearchFilter = Schema.Struct({
  state: linkPart(UserState),
  role: linkPart(Role),
  sort: linkPart(UserSort)
})

/** What the link of a search has, except the text. */
export type SearchFilter = typeof SearchFilter.Type

/** The filter in the query of a link, and what has just happened. */
export const searchIn = linkParts(Schema.Struct({ ...SearchFilter.fields, notice: linkPart(Schema.Literal("erased")) }))

export const searchQuery = (q: string, filter: SearchFilter) =>
  infiniteQueryOptions({
    queryKey: ["search", q, filter],
    queryFn: ({ pageParam, signal }) =>
      run(
        Effect.flatMap(
          decodeInput(UserSearchInput)({
            ...(q === "" ? {} : { q }),
            ...filter,
            ...(pageParam === null ? {} : { cursor: pageParam }),
            limit: 50
          }),
          (payload) => api["admin-search"].search({ payload })
        ),
        signal
      ),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor
  })
