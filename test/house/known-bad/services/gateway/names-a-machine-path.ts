export const stateFolder = '/home/somebody/penstock'
