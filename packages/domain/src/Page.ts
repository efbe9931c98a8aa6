/** The requested part of a list. Pages count from 1. */
export interface PageRequest {
  readonly page: number
  readonly limit: number
}

/** One page of a list, and the total number of items. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly total: number
}

/** The number of items before the page. */
export const offset = (request: PageRequest): number => (request.page - 1) * request.limit
