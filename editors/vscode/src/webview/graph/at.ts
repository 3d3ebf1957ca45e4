/** The entry of a list that has it. */
export function at<Entry>(list: ArrayLike<Entry>, index: number): Entry {
  const found = list[index];
  if (found === undefined) {
    throw new RangeError(`no entry ${index} of ${list.length}`);
  }
  return found;
}
