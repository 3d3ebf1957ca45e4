// Paths as others may read them: nothing in them tells who or where a user is.
import * as os from 'node:os';
import * as path from 'node:path';

/** The home folder as `~`. */
export function homeAsTilde(text: string): string {
  return isRoot(os.homedir()) ? text : text.replaceAll(os.homedir(), () => '~');
}

/** Folders by their number, and the home folder as `~`. */
export function withoutPlaces(text: string, folders: readonly string[]): string {
  const numbered = folders.map((folder, index) => ({ folder, name: `<folder ${index + 1}>` }));
  // The longest first: one may lie in another.
  numbered.sort((one, other) => other.folder.length - one.folder.length);
  let told = text;
  for (const { folder, name } of numbered) {
    told = isRoot(folder) ? told : told.replaceAll(folder, () => name);
  }
  return homeAsTilde(told);
}

function isRoot(folder: string): boolean {
  return folder === path.parse(folder).root;
}
