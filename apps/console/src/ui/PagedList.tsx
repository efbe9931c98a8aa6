import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query"
import type { ReactNode } from "react"
import { asApiFailure } from "../api/ApiFailure.ts"
import { Button } from "./Button.tsx"
import { FailureText, PendingPage } from "./States.tsx"

interface PagedListProps<Row> {
  readonly query: UseInfiniteQueryResult<InfiniteData<{ readonly items: ReadonlyArray<Row> }>>
  /** The text of the button that loads the next page. */
  readonly more: string
  /** Whether a form shows the problems of fields, so that the list need not. */
  readonly hasForm?: boolean
  readonly children: (rows: ReadonlyArray<Row>) => ReactNode
}

/** The rows of all pages that are loaded, with a button for the next page, and what went wrong. */
export const PagedList = <Row,>({ children, hasForm = false, more, query }: PagedListProps<Row>) => {
  const failure = query.isError ? asApiFailure(query.error) : null
  const shown = failure !== null && !(hasForm && failure.status === 422) ? failure : null
  return (
    <>
      {query.isPending ? <PendingPage /> : null}
      {query.data === undefined ? null : children(query.data.pages.flatMap(({ items }) => items))}
      {shown === null ? null : (
        <div className="alert" role="alert">
          <FailureText failure={shown} />
        </div>
      )}
      {query.hasNextPage ? (
        <div className="actions more">
          <Button onClick={() => query.fetchNextPage()} isBusy={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? "Loading …" : more}
          </Button>
        </div>
      ) : shown === null ? null : (
        <div className="actions more">
          <Button onClick={() => query.refetch()} isBusy={query.isFetching}>
            Try again
          </Button>
        </div>
      )}
    </>
  )
}
