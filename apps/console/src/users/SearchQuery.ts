import type { Role } from "@user-service/domain/Role"
import type { UserSort, UserState } from "@user-service/domain/UserSearch"
import { UserSearchInput } from "@user-service/schema/http/admin/UserSearchApi"
import { infiniteQueryOptions } from "@tanstack/react-query"
import { Effect } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"

/** What the link of a search has, except the text. */
export interface SearchFilter {
  readonly state?: UserState
  readonly role?: Role
  readonly sort?: UserSort
}

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
