/** The release, as shown by the health endpoints and the OpenAPI document. */
export const version = "0.1.0"
