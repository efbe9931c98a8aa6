/** Which part of a list is asked for: pages count from 1. */
export interface PageRequest {
  readonly page: number
  readonly limit: number
}

/** One page of a list, and how many items the whole list has. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly total: number
}

/** How many items stand before the page. */
export const offset = (request: PageRequest): number => (request.page - 1) * request.limit
