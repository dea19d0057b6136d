/** What a call fails as that was never sent, because as many were under way as may be. */
export const noConnection = 'no_connection'
