#include "core/subprocess.h"
