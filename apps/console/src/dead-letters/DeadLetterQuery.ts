import type { DeadLetterBody } from "@user-service/schema/DeadLetter"
import { infiniteQueryOptions } from "@tanstack/react-query"
import { api, run } from "../api/Client.ts"

/** A dead letter as the admin API shows it. */
export type DeadLetterView = typeof DeadLetterBody.Type

/** The dead letters, the oldest first, or only those with the reason. */
export const deadLetterQuery = (reason: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["dead-letters", reason],
    queryFn: ({ pageParam, signal }) =>
      run(
        api["admin-operations"].listDeadLetters({
          query: {
            limit: 50,
            ...(reason === undefined ? {} : { reason }),
            ...(pageParam === null ? {} : { cursor: pageParam })
          }
        }),
        signal
      ),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    // A worker deletes a letter after its replay, within seconds.
    refetchInterval: ({ state: { data } }) =>
      data?.pages.some(({ items }) => items.some((letter) => letter.replay_requested_at !== null)) === true
        ? 5000
        : false
  })
