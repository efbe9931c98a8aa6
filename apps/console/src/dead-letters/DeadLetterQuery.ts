import type { DeadLetterBody } from "@user-service/schema/DeadLetter"
import { type InfiniteData, infiniteQueryOptions } from "@tanstack/react-query"
import { api, run } from "../api/Client.ts"

/** A dead letter as the admin API shows it. */
export type DeadLetterView = typeof DeadLetterBody.Type

type DeadLetterPages = InfiniteData<{ readonly items: ReadonlyArray<DeadLetterView> }>

/** When the replays were requested that no worker has done. */
const replayTimes = (data: DeadLetterPages | undefined): ReadonlyArray<number> =>
  (data?.pages ?? []).flatMap(({ items }) =>
    items.flatMap(({ replay_requested_at: at }) => (at === null ? [] : [new Date(at).getTime()]))
  )

/** Whether a letter waits for its replay, so that the list refreshes itself. */
export const isReplayPending = (data: DeadLetterPages | undefined): boolean => replayTimes(data).length > 0

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
    // A worker deletes a letter after its replay, within seconds. All pages are read again, so less often if no worker does.
    refetchInterval: ({ state: { data } }) => {
      const [latest] = replayTimes(data).toSorted((one, other) => other - one)
      return latest === undefined ? false : Math.min(Math.max((Date.now() - latest) / 4, 5000), 60_000)
    }
  })
