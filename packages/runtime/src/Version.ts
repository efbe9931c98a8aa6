/** The release this code is, as health and the OpenAPI document tell it. */
export const version = "0.1.0"
